#include <limits>

#include "ranvier/nn/activation.h"
#include "ranvier/nn/families.h"
#include "ranvier/nn/fusion.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::nn {
namespace {

using ops::Binary;
using ops::Compare;
using ops::Unary;

/// Applies one activation, given by name.
class ActivationLayer final : public Layer, public PointwiseLayer {
 public:
  explicit ActivationLayer(const io::Json& config) : Layer(config), f_(activation_from(config.find("activation"))) {}
  bool supports_masking() const override { return true; }
  Shape output_shape(const Shape& input) const override {
    if (f_.kind != Activation::Kind::glu) return input;
    Shape out = input;
    Index& axis = out[normalize_axis(f_.axis, out.rank(), "glu")];
    if (axis > 0) axis /= 2;
    return out;
  }
  std::optional<Pointwise> pointwise() const override {
    return f_.elementwise() ? std::optional<Pointwise>({f_.function, f_.args}) : std::nullopt;
  }

 protected:
  Tensor call(const Tensor& x, Context&) override { return f_(x); }

 private:
  Activation f_;
};

/// max_value where x >= max_value, x where threshold <= x, negative_slope·(x − threshold) below.
class ReLU final : public Layer, public PointwiseLayer {
 public:
  explicit ReLU(const io::Json& config)
      : Layer(config),
        max_(config.number("max_value", std::numeric_limits<double>::infinity())),
        slope_(config.number("negative_slope", 0.0)),
        threshold_(config.number("threshold", 0.0)) {
    if (max_ < 0 || slope_ < 0 || threshold_ < 0) {
      reject("expected max_value, negative_slope and threshold >= 0, received ", max_, ", ", slope_, ", ", threshold_);
    }
  }

  bool supports_masking() const override { return true; }
  std::optional<Pointwise> pointwise() const override {
    if (threshold_ != 0 || (bounded() && slope_ != 0)) return {};
    if (!bounded()) return slope_ == 0 ? Pointwise{Unary::relu} : Pointwise{Unary::leaky_relu, {slope_, 0}};
    return max_ == 6 ? Pointwise{Unary::relu6} : Pointwise{Unary::clip, {0, max_}};
  }

 protected:
  Tensor call(const Tensor& x, Context&) override {
    if (const auto f = pointwise()) return ops::unary(f->function, x, f->args);
    const auto constant = [&](double value) { return full({}, value, x.dtype()); };
    const Tensor above = bounded() ? ops::binary(Binary::minimum, x, constant(max_)) : x;
    const Tensor below = ops::multiply(ops::subtract(x, constant(threshold_)), constant(slope_));
    return ops::where(ops::compare(Compare::less, x, constant(threshold_)), below, above);
  }

 private:
  bool bounded() const { return max_ != std::numeric_limits<double>::infinity(); }

  double max_;
  double slope_;
  double threshold_;
};

/// One unary function whose constant comes from the config.
template <Unary function>
class Parametric : public Layer, public PointwiseLayer {
 public:
  Parametric(const io::Json& config, const char* key, double standard)
      : Layer(config), args_{config.number(key, standard), 0} {}
  bool supports_masking() const override { return true; }
  std::optional<Pointwise> pointwise() const override { return Pointwise{function, args_}; }

 protected:
  Tensor call(const Tensor& x, Context&) override { return ops::unary(function, x, args_); }

 private:
  ops::UnaryArgs args_;
};

class LeakyReLU final : public Parametric<Unary::leaky_relu> {
 public:
  explicit LeakyReLU(const io::Json& config) : Parametric(config, "negative_slope", 0.3) {}
};

class ELU final : public Parametric<Unary::elu> {
 public:
  explicit ELU(const io::Json& config) : Parametric(config, "alpha", 1.0) {}
};

/// Leaky ReLU whose slopes are learnt, one per position; shared_axes share theirs.
class PReLU final : public Layer {
 public:
  explicit PReLU(const io::Json& config) : Layer(config) {}
  bool supports_masking() const override { return true; }
  /// Every step has slopes of its own, unless they share them.
  bool streams() const override { return false; }

 protected:
  void make_parameters(const Shape& input) override {
    Shape shape = input.slice(1, input.rank());
    if (const io::Json* shared = option("shared_axes")) {
      for (const io::Json& axis : shared->as_array()) {
        const Index i = axis.as_integer();
        if (i < 1 || i > shape.rank()) reject("expected shared_axes from 1 to ", shape.rank(), ", received ", i);
        shape[static_cast<int>(i) - 1] = 1;
      }
    }
    for (const Index size : shape) {
      if (size < 1) reject("expected known sizes on all axes but the batch, received shape ", input);
    }
    alpha_ = add_parameter("alpha", shape, "Zeros");
  }
  void check_input(const Shape& input) const override {
    const Shape& built = input_shape();
    if (input.rank() == built.rank() && input.slice(1, input.rank()) == built.slice(1, built.rank())) return;
    reject("expected inputs of shape ", built, " as it was built for, received ", input);
  }
  Tensor call(const Tensor& x, Context&) override { return ops::prelu(x, alpha_->value); }

 private:
  Ref<Parameter> alpha_;
};

class Softmax final : public Layer {
 public:
  explicit Softmax(const io::Json& config) : Layer(config), axis_(config.integer("axis", -1)) {}
  bool supports_masking() const override { return true; }
  bool streams() const override { return axis_ == -1; }

 protected:
  // A mask of one bool per element leaves those out of the sum; one per step is only passed on.
  Tensor call(const Tensor& x, Context&) override {
    const Tensor mask = x.mask();
    if (!mask.defined() || mask.rank() != x.rank()) return ops::softmax(x, axis_);
    const Tensor kept = ops::where(mask, x, full({}, -1e30, x.dtype()));
    return ops::where(mask, ops::softmax(kept, axis_), full({}, 0, x.dtype()));
  }

 private:
  Index axis_;
};

}  // namespace

Family activation_layers() {
  return {layer_class<ActivationLayer>("Activation"),
          layer_class<ReLU>("ReLU"),
          layer_class<LeakyReLU>("LeakyReLU"),
          layer_class<ELU>("ELU"),
          layer_class<PReLU>("PReLU"),
          layer_class<Softmax>("Softmax")};
}

}  // namespace ranvier::nn
