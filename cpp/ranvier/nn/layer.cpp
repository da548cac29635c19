#include "ranvier/nn/layer.h"

#include "ranvier/nn/initializers.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"

namespace ranvier::nn {

std::pair<double, double> regularizer_from(const io::Json* spec) {
  if (spec == nullptr || spec->is_null()) return {0, 0};
  const std::string name = spec->text("class_name");
  const io::Json* given = spec->find("config");
  const io::Json config = given != nullptr ? *given : io::Json(io::Json::Object{});
  if (name == "L1") return {config.number("l1", 0.01), 0};
  if (name == "L2") return {0, config.number("l2", 0.01)};
  check(name == "L1L2", "regularizer: expected L1, L2 or L1L2, received '", name, "'");
  return {config.number("l1", 0.0), config.number("l2", 0.0)};
}

Layer::Layer(const io::Json& config)
    : config_(config),
      name_(config.text("name", "layer")),
      dtype_(dtype_from_name(config.text("dtype", "float32"))),
      trainable_(config.flag("trainable", true)) {
  std::tie(activity_l1_, activity_l2_) = regularizer_from(config.find("activity_regularizer"));
}

void Layer::build(const Shape& input) {
  if (built_) {
    check_input(input);
    return;
  }
  make_parameters(input);
  input_shape_ = input;
  built_ = true;
}

Tensor Layer::operator()(const Tensor& x, Context& context) {
  try {
    if (built_) {
      check_input(x.shape());
    } else {
      check<StateError>(Program::recording() == nullptr, "build the layer before recording it");
      build(x.shape());
    }
    Tensor y = call(x, context);
    if (activity_l1_ != 0 || activity_l2_ != 0) {
      // Keras divides by the batch size, so that the penalty does not grow with it.
      const double batch = static_cast<double>(x.rank() > 0 && x.dim(0) > 0 ? x.dim(0) : 1);
      context.losses.push_back(ops::l1l2_penalty(y, activity_l1_ / batch, activity_l2_ / batch));
    }
    return y;
  } catch (const ValueError& error) {
    if (error.what()[0] == '[') throw;
    reject(error.what());
  } catch (const TypeError& error) {
    if (error.what()[0] == '[') throw;
    fail<TypeError>("[", name_, "] ", error.what());
  }
}

Parameters Layer::parameters() const {
  Parameters all;
  for (const bool trainable : {true, false}) {
    for (const Owned& owned : owned_) {
      if (owned.trainable == trainable) all.push_back(owned.parameter);
    }
  }
  return all;
}

Parameters Layer::trainable_parameters() const {
  Parameters all;
  for (const auto& p : parameters()) {
    if (p->trainable()) all.push_back(p);
  }
  return all;
}

void Layer::set_trainable(bool trainable) {
  trainable_ = trainable;
  for (const Owned& owned : owned_) owned.parameter->set_trainable(trainable && owned.trainable);
}

Ref<Parameter> Layer::add_parameter(const std::string& name, const Shape& shape, const char* initializer,
                                    bool trainable) {
  const io::Json* spec = config_.find(name + "_initializer");
  auto parameter = make_ref<Parameter>(name, initialize(spec != nullptr ? *spec : io::Json(initializer), shape, dtype_),
                                       trainable && trainable_);
  parameter->path = name_ + "/" + name;
  std::tie(parameter->l1, parameter->l2) = regularizer_from(config_.find(name + "_regularizer"));
  owned_.push_back({parameter, trainable});
  return parameter;
}

}  // namespace ranvier::nn
