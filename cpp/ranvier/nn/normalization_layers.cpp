#include <algorithm>

#include "ranvier/nn/families.h"
#include "ranvier/nn/fusion.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/norm.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

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
  bool supports_masking() const override { return true; }

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
  Tensor call(const Tensor& x, Context& context) override {
    if (x.has_mask() && uses_batch(context.training)) return normalize_masked(x, context);
    return normalize(x, context, {});
  }

 private:
  // By the moments of the steps that count; the others are normalised by them, too. As in Keras an ε of 1e-7 joins the
  // number of steps, so that a batch without any has mean and variance 0.
  Tensor normalize_masked(const Tensor& x, const Context& context) {
    if (x.mask().rank() != x.rank() - 1) {
      reject("expected a mask of one axis less than x, received ", x.mask().shape(), " for x with shape ", x.shape());
    }
    const int at = normalize_axis(axis_, x.rank(), "BatchNormalization");
    ops::Axes axes;
    std::vector<Index> alone(static_cast<std::size_t>(x.rank()), 1);  // a vector of channels beside x
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (axis != at) axes.push_back(axis);
    }
    alone[static_cast<std::size_t>(at)] = x.dim(at);
    const auto number = [&](double value) { return full({}, value, x.dtype()); };
    const Tensor mask = ops::broadcast_to(ops::expand_dims(x.mask(), -1), x.shape());
    const auto mean_of = [&](const Tensor& values, const Tensor& count) {
      return ops::divide(ops::sum(ops::where(mask, values, number(0)), axes, true), count);
    };
    const Tensor count = ops::add(ops::sum(ops::cast(mask, x.dtype()), axes, true), number(1e-7));
    const Tensor mean = mean_of(x, count);
    const Tensor centred = ops::subtract(x, mean);
    const Tensor variance = mean_of(ops::multiply(centred, centred), count);
    Tensor y = ops::divide(centred, ops::unary(ops::Unary::sqrt, ops::add(variance, number(epsilon_))));
    if (gamma_) y = ops::multiply(y, ops::reshape(gamma_->value, alone));
    if (beta_) y = ops::add(y, ops::reshape(beta_->value, alone));
    const Shape channels{x.dim(at)};
    context.after_step(
        [moving = moving(), mean = view(mean, channels), variance = view(variance, channels), momentum = momentum_] {
          ops::move_average(moving.mean, mean, momentum);
          ops::move_average(moving.variance, variance, momentum);
        });
    return y;
  }
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

/// What normalises each sample over axes of its own choice: the last one, any one, or a list.
class OverAxes : public Layer {
 public:
  using Layer::Layer;
  // Time is axis 1.
  bool streams() const override {
    const std::vector<Index> axes = axes_for(input_shape().rank());
    return std::find(axes.begin(), axes.end(), 1) == axes.end();
  }

 protected:
  /// The axes of an input of this rank, ascending.
  std::vector<Index> axes_for(int rank) const {
    const io::Json* axis = option("axis");
    std::vector<Index> axes;
    if (axis == nullptr) {
      axes.push_back(rank - 1);
    } else if (!axis->is_array()) {
      axes.push_back(normalize_axis(axis->as_integer(), rank, "axis"));
    } else {
      for (const io::Json& one : axis->as_array()) axes.push_back(normalize_axis(one.as_integer(), rank, "axis"));
    }
    std::sort(axes.begin(), axes.end());
    if (axes.empty() || std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
      reject("axis: expected one axis or several different ones, received ", axis->dump());
    }
    return axes;
  }
  /// Their sizes in `input`: the shape of weights.
  Shape sizes_on_axes(const Shape& input) const {
    Shape sizes;
    for (const Index axis : axes_for(input.rank())) sizes.push_back(input[static_cast<int>(axis)]);
    return sizes;
  }
  Shape weight_shape(const Shape& input) const {
    const Shape sizes = sizes_on_axes(input);
    for (const Index size : sizes) {
      if (size < 1) reject("expected known sizes on the normalised axes, received shape ", input);
    }
    return sizes;
  }
  void check_input(const Shape& input) const override {
    if (input.rank() == input_shape().rank() && sizes_on_axes(input) == sizes_on_axes(input_shape())) return;
    reject("expected inputs of shape ", input_shape(), " as it was built for, received x with shape ", input);
  }
};

/// Ba, Kiros & Hinton 2016.
class LayerNormalization final : public OverAxes {
 public:
  explicit LayerNormalization(const io::Json& config)
      : OverAxes(config),
        epsilon_(config.number("epsilon", 1e-3)),
        center_(config.flag("center", true)),
        scale_(config.flag("scale", true)) {}
  bool supports_masking() const override { return true; }

 protected:
  void make_parameters(const Shape& input) override {
    const Shape shape = weight_shape(input);
    if (scale_) gamma_ = add_parameter("gamma", shape, "Ones");
    if (center_) beta_ = add_parameter("beta", shape, "Zeros");
  }
  Tensor call(const Tensor& x, Context&) override {
    return ops::over_axes(x, axes_for(x.rank()), [this](const Tensor& moved, int first) {
      return ops::layer_norm(moved, first, epsilon_, {value_or_none(gamma_), value_or_none(beta_)});
    });
  }

 private:
  double epsilon_;
  bool center_;
  bool scale_;
  Ref<Parameter> gamma_;
  Ref<Parameter> beta_;
};

/// Zhang & Sennrich 2019: divided by the root of the mean square, without a mean.
class RMSNormalization final : public OverAxes {
 public:
  explicit RMSNormalization(const io::Json& config) : OverAxes(config), epsilon_(config.number("epsilon", 1e-6)) {}

 protected:
  void make_parameters(const Shape& input) override { scale_ = add_parameter("scale", weight_shape(input), "Ones"); }
  Tensor call(const Tensor& x, Context&) override {
    return ops::over_axes(x, axes_for(x.rank()), [this](const Tensor& moved, int first) {
      return ops::rms_norm(moved, first, epsilon_, scale_->value);
    });
  }

 private:
  double epsilon_;
  Ref<Parameter> scale_;
};

/// Divided by the length.
class UnitNormalization final : public OverAxes {
 public:
  using OverAxes::OverAxes;
  bool supports_masking() const override { return true; }

 protected:
  void make_parameters(const Shape& input) override { (void)axes_for(input.rank()); }
  void check_input(const Shape& input) const override { (void)axes_for(input.rank()); }
  Tensor call(const Tensor& x, Context&) override {
    return ops::over_axes(x, axes_for(x.rank()),
                          [](const Tensor& moved, int first) { return ops::unit_norm(moved, first, 1e-12); });
  }
};

/// Wu & He 2018.
class GroupNormalization final : public Layer {
 public:
  explicit GroupNormalization(const io::Json& config)
      : Layer(config),
        groups_(config.integer("groups", 32)),
        axis_(config.integer("axis", -1)),
        epsilon_(config.number("epsilon", 1e-3)),
        center_(config.flag("center", true)),
        scale_(config.flag("scale", true)) {
    if (groups_ < 1 && groups_ != -1) {
      reject("groups: expected a positive int, or -1 for one group per channel, received ", groups_);
    }
  }
  bool supports_masking() const override { return true; }
  bool streams() const override { return false; }  // its statistics are those of all time steps

 protected:
  void make_parameters(const Shape& input) override {
    const int at = normalize_axis(axis_, input.rank(), "axis");
    if (at == 0) reject("axis: expected an axis other than the batch, received ", axis_, " for shape ", input);
    const Index channels = input[at];
    if (channels < 1) reject("expected a known size on axis ", axis_, ", received shape ", input);
    if (groups_ > 0 && channels % groups_ != 0) {
      reject("expected a number of channels on axis ", axis_, " that ", groups_, " groups divide, received ", channels,
             " (shape ", input, "); choose groups accordingly.");
    }
    channels_ = channels;
    if (scale_) gamma_ = add_parameter("gamma", {channels}, "Ones");
    if (center_) beta_ = add_parameter("beta", {channels}, "Zeros");
  }
  void check_input(const Shape& input) const override {
    const int rank = input_shape().rank();
    if (input.rank() == rank && input[normalize_axis(axis_, rank, "axis")] == channels_) return;
    reject("expected rank ", rank, " with ", channels_, " channels on axis ", axis_, ", received x with shape ", input);
  }
  Tensor call(const Tensor& x, Context&) override {
    return ops::group_norm(x, groups_ == -1 ? channels_ : groups_, axis_, epsilon_,
                           {value_or_none(gamma_), value_or_none(beta_)});
  }

 private:
  Index groups_;
  Index axis_;
  double epsilon_;
  bool center_;
  bool scale_;
  Index channels_ = 0;
  Ref<Parameter> gamma_;
  Ref<Parameter> beta_;
};

}  // namespace

Family normalization_layers() {
  return {layer_class<BatchNormalization>("BatchNormalization"), layer_class<LayerNormalization>("LayerNormalization"),
          layer_class<RMSNormalization>("RMSNormalization"), layer_class<UnitNormalization>("UnitNormalization"),
          layer_class<GroupNormalization>("GroupNormalization")};
}

}  // namespace ranvier::nn
