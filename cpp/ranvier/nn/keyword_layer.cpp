#include "ranvier/nn/keyword_layer.h"

#include <algorithm>

namespace ranvier::nn {
namespace {

template <class T>
std::vector<T> given_for(const std::vector<std::string>& arguments, const std::vector<T>& values,
                         std::string_view argument) {
  std::vector<T> found;
  for (std::size_t i = 0; i < values.size() && i < arguments.size(); ++i) {
    if (arguments[i] == argument) found.push_back(values[i]);
  }
  return found;
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all.empty() ? "none" : all;
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Tensor Call::find(const Tensors& xs, std::string_view argument) const {
  for (std::size_t i = 0; i < xs.size() && i < arguments.size(); ++i) {
    if (arguments[i] == argument) return xs[i];
  }
  return {};
}

const Shape* Call::find(const Shapes& shapes, std::string_view argument) const {
  for (std::size_t i = 0; i < shapes.size() && i < arguments.size(); ++i) {
    if (arguments[i] == argument) return &shapes[i];
  }
  return nullptr;
}

Tensors Call::all(const Tensors& xs, std::string_view argument) const { return given_for(arguments, xs, argument); }
Shapes Call::all(const Shapes& shapes, std::string_view argument) const {
  return given_for(arguments, shapes, argument);
}

DType KeywordLayer::argument_dtype(std::string_view argument, bool integral) const {
  return argument.ends_with("mask") ? DType::boolean : input_dtype(integral);
}

DType KeywordLayer::input_dtype_at(std::size_t input, bool integral) const {
  const std::vector<std::string> names = argument_names();
  return argument_dtype(input < names.size() ? names[input] : names.front(), integral);
}

void KeywordLayer::check_call(const Call& call) const {
  const std::vector<std::string> names = argument_names();
  for (const std::string& argument : call.arguments) {
    if (!among(names, argument)) {
      reject("expected tensors for ", joined(names), ", received one for '", argument, "'");
    }
  }
  if (call.arguments.empty() || call.arguments.front() != names.front()) {
    reject("expected ", names.front(), " as the first argument, received ", joined(call.arguments));
  }
  const std::vector<std::string> known = option_names();
  for (const auto& [option, value] : call.options.as_object()) {
    if (!among(known, option)) reject("expected no options but ", joined(known), ", received '", option, "'");
  }
}

const Call& KeywordLayer::positional(std::size_t count) const {
  std::call_once(known_, [this] {
    positional_.emplace_back();
    for (const std::string& name : argument_names()) {
      positional_.push_back(positional_.back());
      positional_.back().arguments.push_back(name);
    }
  });
  if (count >= positional_.size()) {
    const std::vector<std::string>& all = positional_.back().arguments;
    reject("expected at most ", all.size(), " inputs (", joined(all), "), received ", count);
  }
  return positional_[count];
}

void KeywordLayer::build_for(const Call& call, const Shapes& inputs) {
  if (built()) {
    check_inputs(call, inputs);
    return;
  }
  make_parameters(call, inputs);
  set_built(inputs);
}

Tensor KeywordLayer::call(const Tensor& x, Context& context) { return MultiLayer::call(x, context); }

/// A KeywordLayer and one way of calling it. Weights, names and complaints are the layer's.
class BoundCall final : public MultiLayer {
 public:
  BoundCall(Ref<KeywordLayer> layer, Call call)
      : MultiLayer(layer->config()), layer_(std::move(layer)), call_(std::move(call)) {
    set_class_name(layer_->class_name().c_str());
  }

  DType dtype() const override { return layer_->dtype(); }
  DType input_dtype(bool integral) const override { return input_dtype_at(0, integral); }
  DType input_dtype_at(std::size_t input, bool integral) const override {
    return layer_->argument_dtype(call_.arguments[input], integral);
  }
  DType output_dtype_at(std::size_t output) const override { return layer_->output_dtype_at(output); }
  std::size_t outputs() const override { return layer_->outputs(call_); }
  Shapes output_shapes(const Shapes& inputs) const override {
    check_count(inputs.size());
    return layer_->output_shapes(call_, inputs);
  }
  bool supports_masking() const override { return layer_->supports_masking(); }
  Tensors masks_for(const Tensors& xs, const Tensors& ys) const override { return layer_->masks_for(xs, ys); }
  bool streams() const override { return layer_->streams(); }
  std::vector<Ref<Layer>> sublayers() const override { return layer_->sublayers(); }
  Extent extent() const override { return layer_->extent(); }
  Parameters parameters() const override { return layer_->parameters(); }
  bool trainable() const override { return layer_->trainable(); }
  void set_trainable(bool trainable) override { layer_->set_trainable(trainable); }
  std::vector<Generator*> generators() override { return layer_->generators(); }
  bool replayable() const override { return layer_->replayable(); }

 protected:
  // The layer is built by whichever of its calls comes first.
  void make_all_parameters(const Shapes& inputs) override {
    check_count(inputs.size());
    layer_->build_for(call_, inputs);
  }
  void check_inputs(const Shapes& inputs) const override {
    check_count(inputs.size());
    layer_->check_inputs(call_, inputs);
  }
  Tensors call_all(const Tensors& xs, Context& context) override { return layer_->call(call_, xs, context); }

 private:
  void check_count(std::size_t given) const {
    if (given != call_.arguments.size()) {
      reject("expected ", call_.arguments.size(), " tensors (", joined(call_.arguments), "), received ", given);
    }
  }

  Ref<KeywordLayer> layer_;
  Call call_;
};

Ref<Layer> bind(const Ref<Layer>& layer, const Call& call) {
  if (call.plain()) return layer;
  auto* target = dynamic_cast<KeywordLayer*>(layer.get());
  check(target != nullptr, "[", layer->name(), "] expected no further arguments in its call, received ",
        joined(call.arguments), call.options.size() > 0 ? " and options" : "");
  target->check_call(call);
  return make_ref<BoundCall>(Ref<KeywordLayer>(target), call);
}

}  // namespace ranvier::nn
