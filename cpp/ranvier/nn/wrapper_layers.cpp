#include "ranvier/nn/wrapper_layers.h"

#include <algorithm>

#include "ranvier/nn/families.h"
#include "ranvier/nn/run.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {

WrapperLayer::WrapperLayer(const io::Json& config, const char* class_name, std::vector<Ref<Layer>> inner,
                           std::vector<const char*> keys)
    : KeywordLayer(config), inner_(std::move(inner)), keys_(std::move(keys)) {
  set_class_name(class_name);
  const bool listed = keys_.size() == 1 && keys_[0][std::char_traits<char>::length(keys_[0]) - 1] == 's';
  if (inner_.empty() || (!listed && inner_.size() != keys_.size())) {
    reject("expected ", keys_.size(), " layers inside, received ", inner_.size());
  }
  for (const auto& layer : inner_) {
    check<TypeError>(static_cast<bool>(layer), "[", name(), "] expected a layer inside, received None");
    extent_ = extended(extent_, *layer, name());
  }
  if (!Layer::trainable()) WrapperLayer::set_trainable(false);
}

io::Json WrapperLayer::config() const {
  io::Json made = Layer::config();
  const auto record = [](const Ref<Layer>& layer) {
    return io::Json(io::Json::Object{{"class_name", layer->class_name()}, {"config", layer->config()}});
  };
  if (keys_.size() == inner_.size()) {
    for (std::size_t i = 0; i < keys_.size(); ++i) made.set(keys_[i], record(inner_[i]));
    if (!std::string_view(keys_[0]).ends_with('s')) return made;
  }
  io::Json::Array records;
  for (const auto& layer : inner_) records.push_back(record(layer));
  made.set(keys_[0], std::move(records));
  return made;
}

Parameters WrapperLayer::parameters() const { return parameters_of(inner_); }

void WrapperLayer::set_trainable(bool trainable) {
  Layer::set_trainable(trainable);
  for (const auto& layer : inner_) layer->set_trainable(trainable);
}

std::vector<Generator*> WrapperLayer::generators() { return generators_of(inner_); }
bool WrapperLayer::replayable() const { return nn::replayable(inner_); }

Tensor WrapperLayer::with_mask(const Tensor& x, const Tensor& mask) {
  if (!mask.defined()) return x;
  const Tensor y = unmasked(x);
  y.set_mask(mask);
  return y;
}

std::vector<Ref<Layer>> inner_layers(const io::Json& config, const std::vector<const char*>& keys) {
  std::vector<Ref<Layer>> layers;
  const auto add = [&](const io::Json& record) {
    layers.push_back(make_layer(record.text("class_name"), record.at("config")));
  };
  for (const char* key : keys) {
    const io::Json& given = config.at(key);
    if (given.is_array()) {
      for (const io::Json& record : given.as_array()) add(record);
    } else {
      add(given);
    }
  }
  return layers;
}

namespace {

/// One recurrent layer forwards, one backwards (Schuster & Paliwal 1997).
class Bidirectional final : public WrapperLayer {
 public:
  Bidirectional(const io::Json& config, std::vector<Ref<Layer>> inner)
      : WrapperLayer(config, "Bidirectional", std::move(inner), {"layer", "backward_layer"}),
        return_sequences_(this->inner(0).config().flag("return_sequences", false)) {
    for (const auto& layer : this->inner()) {
      if (dynamic_cast<const KeywordLayer*>(layer.get()) == nullptr) {
        reject("expected recurrent layers inside, received a ", layer->class_name());
      }
    }
    if (config.contains("merge_mode")) mode_ = config.text("merge_mode", "");
    if (!mode_.empty() && mode_ != "concat" && mode_ != "sum" && mode_ != "mul" && mode_ != "ave") {
      reject("expected merge_mode 'concat', 'sum', 'mul', 'ave' or null, received '", mode_, "'");
    }
  }
  explicit Bidirectional(const io::Json& config)
      : Bidirectional(config, inner_layers(config, {"layer", "backward_layer"})) {}

  std::vector<std::string> argument_names() const override { return {"sequences", "initial_state", "mask"}; }
  std::size_t outputs(const Call& /*call*/) const override { return merged() + 2 * states_of_one(); }
  Shapes output_shapes(const Call& call, const Shapes& inputs) const override {
    const Shape& x = *call.find(inputs, "sequences");
    const Shapes forward = inner(0).output_shapes({x});
    const Shapes backward = inner(1).output_shapes({x});
    Shapes all{forward.front()};
    if (mode_.empty()) all.push_back(backward.front());
    if (mode_ == "concat") all[0][all[0].rank() - 1] += backward.front().back();
    all.insert(all.end(), forward.begin() + 1, forward.end());
    all.insert(all.end(), backward.begin() + 1, backward.end());
    return all;
  }
  Tensors masks_for(const Tensors& /*xs*/, const Tensors& ys) const override { return masks_within(ys); }
  Tensor mask_for(const Tensor& /*x*/, const Tensor& y) const override { return y.mask(); }
  bool streams() const override { return false; }

 protected:
  void make_parameters(const Call& call, const Shapes& inputs) override {
    for (const auto& layer : inner()) layer->build(*call.find(inputs, "sequences"));
  }
  void check_inputs(const Call& call, const Shapes& inputs) const override {
    for (const auto& layer : inner()) layer->build(*call.find(inputs, "sequences"));
  }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor x = with_mask(call.find(xs, "sequences"), call.find(xs, "mask"));
    const Tensors given = call.all(xs, "initial_state");
    if (given.size() % 2 != 0) {
      reject("initial_state: expected as many states for the backward layer as for the forward layer, received ",
             given.size(), " in all");
    }
    const auto half = static_cast<std::ptrdiff_t>(given.size() / 2);
    Tensors forward = run(inner()[0], x, Tensors(given.begin(), given.begin() + half), context);
    Tensors backward = run(inner()[1], x, Tensors(given.begin() + half, given.end()), context);
    const Tensor mask = return_sequences_ ? x.mask() : Tensor();
    if (return_sequences_) backward[0] = ops::flip(backward[0], {1});
    Tensors all = merge(forward[0], backward[0]);
    for (Tensor& y : all) y = with_mask(y, mask);
    all.insert(all.end(), forward.begin() + 1, forward.end());
    all.insert(all.end(), backward.begin() + 1, backward.end());
    return all;
  }

 private:
  std::size_t merged() const { return mode_.empty() ? 2 : 1; }
  std::size_t states_of_one() const { return inner(0).outputs() - 1; }

  static Tensors run(const Ref<Layer>& layer, const Tensor& x, const Tensors& states, Context& context) {
    if (states.empty()) return (*layer)(Tensors{x}, context);
    const auto& target = static_cast<const KeywordLayer&>(*layer);
    Call call{{target.argument_names().front()}};
    call.arguments.resize(states.size() + 1, "initial_state");
    Tensors all{x};
    all.insert(all.end(), states.begin(), states.end());
    return (*bind(layer, call))(all, context);
  }

  Tensors merge(const Tensor& a, const Tensor& b) const {
    if (mode_.empty()) return {a, b};
    if (mode_ == "concat") return {ops::concatenate({a, b}, a.rank() - 1)};
    if (mode_ == "mul") return {ops::multiply(a, b)};
    return {ops::sum_of({a, b}, mode_ == "ave" ? 0.5 : 1.0)};
  }

  bool return_sequences_;
  std::string mode_ = "concat";  ///< empty: both results
};

/// Whether a layer, or one inside of it, takes statistics of the batch.
bool mixes_samples(const Layer& layer) {
  if (layer.class_name() == "BatchNormalization") return true;
  const auto inside = layer.sublayers();
  return std::any_of(inside.begin(), inside.end(), [](const auto& one) { return mixes_samples(*one); });
}

/// A layer at every time step: the steps are further samples of one batch.
class TimeDistributed final : public WrapperLayer {
 public:
  TimeDistributed(const io::Json& config, std::vector<Ref<Layer>> inner)
      : WrapperLayer(config, "TimeDistributed", std::move(inner), {"layer"}),
        step_by_step_(mixes_samples(this->inner(0))) {
    if (this->inner(0).outputs() > 1) {
      reject("expected a layer of one output inside, received a ", this->inner(0).class_name(), " with ",
             this->inner(0).outputs());
    }
  }
  explicit TimeDistributed(const io::Json& config) : TimeDistributed(config, inner_layers(config, {"layer"})) {}

  std::vector<std::string> argument_names() const override { return {"inputs", "mask"}; }
  DType argument_dtype(std::string_view argument, bool integral) const override {
    return argument == "mask" ? DType::boolean : inner(0).input_dtype(integral);
  }
  DType input_dtype(bool integral) const override { return inner(0).input_dtype(integral); }
  DType output_dtype_at(std::size_t output) const override { return inner(0).output_dtype_at(output); }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    const Shape step = inner(0).output_shape(step_shape(x));
    Shape out{step[0], x[1]};
    for (int i = 1; i < step.rank(); ++i) out.push_back(step[i]);
    return {out};
  }
  bool supports_masking() const override { return true; }
  // A mask of more axes is one for the layer inside.
  Tensor mask_for(const Tensor& x, const Tensor& y) const override {
    const Tensor mask = x.mask();
    const bool fits = mask.defined() && mask.rank() <= y.rank() && y.shape().slice(0, mask.rank()) == mask.shape();
    return fits ? mask : Tensor();
  }

 protected:
  void make_parameters(const Call& /*call*/, const Shapes& inputs) override {
    inner(0).build(step_shape(inputs.front()));
  }
  void check_inputs(const Call& /*call*/, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    inner(0).build(step_shape(x));
    if (inputs.size() < 2) return;
    const Shape& mask = inputs[1];
    if (mask.rank() < 2 || mask.rank() > x.rank() || x.slice(0, mask.rank()) != mask) {
      reject("mask: expected shape ", x.slice(0, 2), " (batch, time), received ", mask);
    }
  }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor x = with_mask(xs.front(), call.find(xs, "mask"));
    // Every time step is a sample by itself; what the layer inside reads is whole.
    Stream* const stream = std::exchange(context.stream, nullptr);
    Tensor y;
    try {
      y = step_by_step_ && context.training ? steps(x, context) : folded(x, context);
    } catch (...) {
      context.stream = stream;
      throw;
    }
    context.stream = stream;
    return {with_mask(y, mask_for(x, y))};
  }

 private:
  Shape step_shape(const Shape& x) const {
    if (x.rank() < 3) reject("expected (batch, time, ...) of at least 3 axes, received x with shape ", x);
    if (x[1] == 0) reject("expected at least one time step, received x with shape ", x);
    Shape step{x[0]};
    for (int i = 2; i < x.rank(); ++i) step.push_back(x[i]);
    return step;
  }

  /// The shape with the first two axes as one, or one as two.
  static std::vector<Index> joined(const Shape& shape) {
    std::vector<Index> sizes{shape[0] * shape[1]};
    for (int i = 2; i < shape.rank(); ++i) sizes.push_back(shape[i]);
    return sizes;
  }

  Tensor folded(const Tensor& x, Context& context) {
    Tensor all = ops::reshape(x, joined(x.shape()));
    if (x.has_mask() && x.mask().rank() > 2) all.set_mask(ops::reshape(x.mask(), joined(x.mask().shape())));
    const Tensor y = inner(0)(all, context);
    std::vector<Index> sizes{x.dim(0), x.dim(1)};
    for (int i = 1; i < y.rank(); ++i) sizes.push_back(y.dim(i));
    return ops::reshape(y, sizes);
  }

  Tensor steps(const Tensor& x, Context& context) {
    const auto at = [](const Tensor& all, Index t) { return ops::squeeze(ops::slice(all, {{}, {t, t + 1}}), {1}); };
    Tensors all;
    for (Index t = 0; t < x.dim(1); ++t) {
      const Tensor step = at(x, t);
      if (x.has_mask() && x.mask().rank() > 2) step.set_mask(at(x.mask(), t));
      all.push_back(inner(0)(step, context));
    }
    return ops::stack(all, 1);
  }

  bool step_by_step_;
};

}  // namespace

Ref<Layer> wrap(const std::string& class_name, const io::Json& config, std::vector<Ref<Layer>> inner) {
  if (class_name == "Bidirectional") return make_ref<Bidirectional>(config, std::move(inner));
  if (class_name == "TimeDistributed") return make_ref<TimeDistributed>(config, std::move(inner));
  if (Ref<Layer> layer = wrap_cells(class_name, config, inner)) return layer;
  fail("layer: '", class_name, "' is no layer around others");
}

Family wrapper_layers() {
  return {layer_class<Bidirectional>("Bidirectional"), layer_class<TimeDistributed>("TimeDistributed")};
}

}  // namespace ranvier::nn
