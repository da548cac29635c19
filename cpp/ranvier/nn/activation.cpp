#include "ranvier/nn/activation.h"

#include <algorithm>
#include <cctype>

#include "ranvier/ops/softmax.h"

namespace ranvier::nn {
namespace {

using Kind = Activation::Kind;
using ops::Unary;

struct Entry {
  const char* name;
  Activation activation;
};

Activation plain(Unary function, double a = 0, double b = 0) { return {Kind::elementwise, function, {a, b}, -1}; }

// Keras's names with Keras's default constants.
const Entry entries[] = {
    {"linear", plain(Unary::identity)},
    {"relu", plain(Unary::relu)},
    {"relu6", plain(Unary::relu6)},
    {"leaky_relu", plain(Unary::leaky_relu, 0.2)},
    {"elu", plain(Unary::elu, 1.0)},
    {"selu", plain(Unary::selu)},
    {"celu", plain(Unary::celu, 1.0)},
    {"gelu", plain(Unary::gelu)},
    {"gelu_tanh", plain(Unary::gelu_tanh)},
    {"silu", plain(Unary::silu)},
    {"swish", plain(Unary::silu)},
    {"mish", plain(Unary::mish)},
    {"softplus", plain(Unary::softplus)},
    {"softsign", plain(Unary::softsign)},
    {"sigmoid", plain(Unary::sigmoid)},
    {"hard_sigmoid", plain(Unary::hard_sigmoid)},
    {"hard_silu", plain(Unary::hard_silu)},
    {"hard_swish", plain(Unary::hard_silu)},
    {"tanh", plain(Unary::tanh)},
    {"hard_tanh", plain(Unary::hard_tanh)},
    {"exponential", plain(Unary::exp)},
    {"log_sigmoid", plain(Unary::log_sigmoid)},
    {"tanh_shrink", plain(Unary::tanh_shrink)},
    {"soft_shrink", plain(Unary::soft_shrink, 0.5)},
    {"hard_shrink", plain(Unary::hard_shrink, 0.5)},
    {"threshold", plain(Unary::threshold, 0.0, 0.0)},
    {"squareplus", plain(Unary::squareplus, 4.0)},
    {"step", plain(Unary::step)},
    {"softmax", {Kind::softmax, Unary::identity, {}, -1}},
    {"log_softmax", {Kind::log_softmax, Unary::identity, {}, -1}},
    {"sparsemax", {Kind::sparsemax, Unary::identity, {}, -1}},
    {"glu", {Kind::glu, Unary::identity, {}, -1}},
};

Activation from_object(const io::Json& spec) {
  const std::string name = spec.text("class_name");
  const io::Json* given = spec.find("config");
  if (given != nullptr && given->is_text())
    return activation_from(given);  // {"class_name": "function", "config": "relu"}
  const io::Json config = given != nullptr ? *given : io::Json(io::Json::Object{});
  if (name == "LeakyReLU") return plain(Unary::leaky_relu, config.number("negative_slope", 0.3));
  if (name == "ELU") return plain(Unary::elu, config.number("alpha", 1.0));
  if (name == "Softmax") return {Kind::softmax, Unary::identity, {}, config.integer("axis", -1)};
  fail("activation: unknown class '", name, "'");
}

}  // namespace

Tensor Activation::operator()(const Tensor& x) const {
  switch (kind) {
    case Kind::softmax:
      return ops::softmax(x, axis);
    case Kind::log_softmax:
      return ops::log_softmax(x, axis);
    case Kind::sparsemax:
      return ops::sparsemax(x, axis);
    case Kind::glu:
      return ops::glu(x, axis);
    case Kind::elementwise:
      break;
  }
  return function == Unary::identity ? x : ops::unary(function, x, args);
}

Activation activation_from(const io::Json* spec) {
  if (spec == nullptr || spec->is_null()) return {};
  if (!spec->is_text()) return from_object(*spec);
  const std::string name = spec->as_text();
  for (const Entry& entry : entries) {
    if (name == entry.name) return entry.activation;
  }
  fail("activation: unknown name '", name, "'");
}

}  // namespace ranvier::nn
