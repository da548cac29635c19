#include "ranvier/nn/families.h"
#include "ranvier/nn/fusion.h"
#include "ranvier/ops/norm.h"

namespace ranvier::nn {
namespace {

Tensor value_or_none(const Ref<Parameter>& p) { return p ? p->value : Tensor(); }

/// Ioffe & Szegedy 2015, with Keras's defaults.
class BatchNormalization final : public Layer, public NormalizingLayer {
 public:
  explicit BatchNormalization(const io::Json& config)
      : Layer(config),
        axis_(config.integer("axis", -1)),
        momentum_(config.number("momentum", 0.99)),
        epsilon_(config.number("epsilon", 1e-3)),
        center_(config.flag("center", true)),
        scale_(config.flag("scale", true)) {}

  // A frozen layer keeps its statistics: what fine-tuning needs.
  bool uses_batch(bool training) const override { return training && trainable(); }
  bool normalizes(int axis, int rank) const override {
    return axis == normalize_axis(axis_, rank, "BatchNormalization");
  }
  Tensor normalize(const Tensor& x, Context& context, ops::Ceiling relu) override {
    if (!uses_batch(context.training)) return ops::batch_norm_infer(x, axis_, epsilon_, params(), moving(), relu);
    ops::Moments batch;
    const Tensor y = ops::batch_norm_train(x, axis_, epsilon_, params(), &batch, relu);
    context.after_step([moving = moving(), batch, momentum = momentum_] {
      ops::move_average(moving.mean, batch.mean, momentum);
      ops::move_average(moving.variance, batch.variance, momentum);
    });
    return y;
  }
  ops::Weights folded(const ops::Weights& weights) const override {
    return ops::fold_norm(weights, epsilon_, params(), moving());
  }

 protected:
  void make_parameters(const Shape& input) override {
    const Index channels = input[normalize_axis(axis_, input.rank(), "BatchNormalization")];
    if (channels < 1) reject("expected a known size on axis ", axis_, ", received shape ", input);
    if (scale_) gamma_ = add_parameter("gamma", {channels}, "Ones");
    if (center_) beta_ = add_parameter("beta", {channels}, "Zeros");
    mean_ = add_parameter("moving_mean", {channels}, "Zeros", false);
    variance_ = add_parameter("moving_variance", {channels}, "Ones", false);
  }
  void check_input(const Shape& input) const override {
    const Index channels = mean_->value.dim(0);
    if (input.rank() == input_shape().rank() &&
        input[normalize_axis(axis_, input.rank(), "BatchNormalization")] == channels) {
      return;
    }
    reject("expected rank ", input_shape().rank(), " with ", channels, " channels on axis ", axis_,
           ", received x with shape ", input);
  }
  Tensor call(const Tensor& x, Context& context) override { return normalize(x, context, {}); }

 private:
  ops::NormParams params() const { return {value_or_none(gamma_), value_or_none(beta_)}; }
  ops::Moments moving() const { return {mean_->value, variance_->value}; }

  Index axis_;
  double momentum_;
  double epsilon_;
  bool center_;
  bool scale_;
  Ref<Parameter> gamma_;
  Ref<Parameter> beta_;
  Ref<Parameter> mean_;
  Ref<Parameter> variance_;
};

/// Ba, Kiros & Hinton 2016: over the trailing axes, from the first one named on.
class LayerNormalization final : public Layer {
 public:
  explicit LayerNormalization(const io::Json& config)
      : Layer(config),
        epsilon_(config.number("epsilon", 1e-3)),
        center_(config.flag("center", true)),
        scale_(config.flag("scale", true)) {}

 protected:
  void make_parameters(const Shape& input) override {
    const int first = first_axis(input);
    const Shape shape = input.slice(first, input.rank());
    for (const Index size : shape) {
      if (size < 1) reject("expected known sizes on the normalised axes, received shape ", input);
    }
    if (scale_) gamma_ = add_parameter("gamma", shape, "Ones");
    if (center_) beta_ = add_parameter("beta", shape, "Zeros");
  }
  void check_input(const Shape& input) const override {
    const int first = first_axis(input_shape());
    if (input.rank() == input_shape().rank() &&
        input.slice(first, input.rank()) == input_shape().slice(first, input.rank())) {
      return;
    }
    reject("expected inputs of shape ", input_shape(), " as it was built for, received ", input);
  }
  Tensor call(const Tensor& x, Context&) override {
    return ops::layer_norm(x, first_axis(x.shape()), epsilon_, {value_or_none(gamma_), value_or_none(beta_)});
  }

 private:
  int first_axis(const Shape& input) const {
    const io::Json* axis = option("axis");
    if (axis == nullptr) return input.rank() - 1;
    if (!axis->is_array()) {
      const int first = normalize_axis(axis->as_integer(), input.rank(), "LayerNormalization");
      if (first != input.rank() - 1) reject("expected the last axis or a run of axes up to it, received axis ", first);
      return first;
    }
    int first = input.rank();
    std::vector<bool> used(static_cast<std::size_t>(input.rank()), false);
    for (const io::Json& one : axis->as_array()) {
      const int i = normalize_axis(one.as_integer(), input.rank(), "LayerNormalization");
      used[static_cast<std::size_t>(i)] = true;
      first = std::min(first, i);
    }
    for (int i = first; i < input.rank(); ++i) {
      if (!used[static_cast<std::size_t>(i)])
        reject("expected a run of axes up to the last one, axis ", i, " is missing");
    }
    return first;
  }

  double epsilon_;
  bool center_;
  bool scale_;
  Ref<Parameter> gamma_;
  Ref<Parameter> beta_;
};

}  // namespace

Family normalization_layers() {
  return {layer_class<BatchNormalization>("BatchNormalization"), layer_class<LayerNormalization>("LayerNormalization")};
}

}  // namespace ranvier::nn
