#include "ranvier/nn/layer.h"

#include <algorithm>

#include "ranvier/core/parallel.h"
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

namespace {

// A name, or Keras's record of a policy, which has one.
DType dtype_from(const io::Json& config) {
  const io::Json* given = config.find("dtype");
  if (given == nullptr) return DType::float32;
  return dtype_from_name(given->is_object() ? given->at("config").text("name") : config.text("dtype"));
}

}  // namespace

Layer::Layer(const io::Json& config)
    : config_(config),
      name_(config.text("name", "layer")),
      dtype_(dtype_from(config)),
      trainable_(config.flag("trainable", true)),
      function_(config.flag("function", false)) {
  std::tie(activity_l1_, activity_l2_) = regularizer_from(config.find("activity_regularizer"));
}

template <class F>
auto Layer::attributed(const F& f) const {
  try {
    return f();
  } catch (const ValueError& error) {
    if (error.what()[0] == '[') throw;
    reject(error.what());
  } catch (const TypeError& error) {
    if (error.what()[0] == '[') throw;
    fail<TypeError>("[", name_, "] ", error.what());
  }
}

template <class T>
const T& Layer::only(const std::vector<T>& inputs) const {
  if (inputs.size() == 1) return inputs.front();
  reject("expected one input, received ", inputs.size(),
         "; call it on one of them, or join them with Concatenate() or Add() first.");
}

void Layer::build(const Shape& input) {
  attributed([&] {
    if (built_) {
      check_input(input);
      return;
    }
    make_parameters(input);
    set_built({input});
  });
}

void Layer::build(const Shapes& inputs) {
  attributed([&] {
    if (inputs.empty()) reject("expected at least one input shape, received an empty list");
    if (built_) {
      check_inputs(inputs);
      return;
    }
    make_all_parameters(inputs);
    set_built(inputs);
  });
}

Shapes Layer::output_shapes(const Shapes& inputs) const { return {output_shape(only(inputs))}; }
void Layer::make_all_parameters(const Shapes& inputs) { make_parameters(only(inputs)); }
void Layer::check_inputs(const Shapes& inputs) const { check_input(only(inputs)); }
Tensors Layer::call_all(const Tensors& xs, Context& context) { return {call(only(xs), context)}; }

Tensor Layer::mask_for(const Tensor& x, const Tensor& /*y*/) const { return supports_masking() ? x.mask() : Tensor(); }

Tensors Layer::masks_for(const Tensors& xs, const Tensors& ys) const {
  Tensors masks;
  masks.reserve(ys.size());
  for (const Tensor& y : ys) masks.push_back(mask_for(xs.front(), y));
  return masks;
}

namespace {

// A layer may return an input itself, whose own mask stays as it is.
void give_mask(Tensor& y, const Tensor& mask, bool is_input) {
  if (y.impl()->mask == mask.impl() || (y.has_mask() && !is_input)) return;
  if (is_input) y = unmasked(y);
  y.set_mask(mask);
}

}  // namespace

void Layer::check_stream(const Context& context) const {
  if (context.stream == nullptr || streams()) [[likely]]
    return;
  reject(
      "expected layers that can go on from what they have read, but a ", class_name_.empty() ? "layer" : class_name_,
      " needs the whole sequence at once; leave it out, or call the model on the whole sequence instead of a stream");
}

Tensor Layer::operator()(const Tensor& x, Context& context) {
  return attributed([&] {
    if (built_) {
      check_input(x.shape());
    } else {
      check<StateError>(Program::recording() == nullptr, "build the layer before recording it");
      build(x.shape());
    }
    check_stream(context);
    if (function_ && x.has_mask()) [[unlikely]]
      return call(unmasked(x), context);
    Tensor y = call(x, context);
    if (x.has_mask()) [[unlikely]]
      give_mask(y, mask_for(x, y), y.same_as(x));
    add_activity_loss(y, x.shape(), context);
    return y;
  });
}

Tensors Layer::operator()(const Tensors& xs, Context& context) {
  return attributed([&] {
    if (xs.empty()) reject("expected at least one input, received an empty list");
    Shapes shapes;
    shapes.reserve(xs.size());
    for (const Tensor& x : xs) shapes.push_back(x.shape());
    check<StateError>(built_ || Program::recording() == nullptr, "build the layer before recording it");
    build(shapes);
    check_stream(context);
    if (function_) {
      Tensors bare;
      for (const Tensor& x : xs) bare.push_back(x.has_mask() ? unmasked(x) : x);
      return call_all(bare, context);
    }
    Tensors ys = call_all(xs, context);
    if (std::any_of(xs.begin(), xs.end(), [](const Tensor& x) { return x.has_mask(); })) [[unlikely]] {
      const Tensors masks = masks_for(xs, ys);
      for (std::size_t i = 0; i < ys.size(); ++i) {
        const bool is_input = std::any_of(xs.begin(), xs.end(), [&](const Tensor& x) { return x.same_as(ys[i]); });
        give_mask(ys[i], masks[i], is_input);
      }
    }
    for (const Tensor& y : ys) add_activity_loss(y, shapes.front(), context);
    return ys;
  });
}

Tensor Layer::run_instead(const Tensor& x, const std::function<Tensor()>& f) const {
  return attributed([&] {
    check_input(x.shape());
    return f();
  });
}

void Layer::add_activity_loss(const Tensor& y, const Shape& input, Context& context) const {
  if (!penalized()) return;
  // Keras divides by the batch size, so that the penalty does not grow with it.
  const double batch = static_cast<double>(input.rank() > 0 && input[0] > 0 ? input[0] : 1);
  context.losses.push_back(ops::l1l2_penalty(y, activity_l1_ / batch, activity_l2_ / batch));
}

Tensor Layer::predict(const Tensor& x) {
  const NoGrad no_history;
  const FlushDenormals flush;
  Context context;
  return (*this)(x, context);
}

Tensors Layer::predict(const Tensors& xs) {
  const NoGrad no_history;
  const FlushDenormals flush;
  Context context;
  return (*this)(xs, context);
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
                                    bool trainable, const char* settings, const Shape& fans) {
  const std::string given = settings != nullptr ? settings : name;
  const std::string prefix = given.empty() ? "" : given + "_";
  const io::Json* spec = config_.find(prefix + "initializer");
  auto parameter = make_ref<Parameter>(
      name, initialize(spec != nullptr ? *spec : io::Json(initializer), shape, dtype_, fans), trainable && trainable_);
  parameter->path = name_ + "/" + name;
  std::tie(parameter->l1, parameter->l2) = regularizer_from(config_.find(prefix + "regularizer"));
  owned_.push_back({parameter, trainable});
  return parameter;
}

Shape MultiLayer::output_shape(const Shape& input) const {
  const Shapes all = output_shapes({input});
  if (all.size() != 1)
    reject("expected to give one output here, but it gives ", all.size(), "; use it in a Functional");
  return all.front();
}

Tensor MultiLayer::call(const Tensor& x, Context& context) {
  Tensors all = call_all({x}, context);
  if (all.size() != 1)
    reject("expected to give one output here, but it gives ", all.size(), "; use it in a Functional");
  return std::move(all.front());
}

}  // namespace ranvier::nn
