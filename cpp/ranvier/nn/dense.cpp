#include "ranvier/nn/activation.h"
#include "ranvier/nn/families.h"
#include "ranvier/nn/fusion.h"
#include "ranvier/ops/matmul.h"

namespace ranvier::nn {
namespace {

/// y = f(x·kernel + bias) over the last axis.
class Dense final : public Layer, public ProductLayer {
 public:
  explicit Dense(const io::Json& config)
      : Layer(config),
        units_(config.integer("units")),
        use_bias_(config.flag("use_bias", true)),
        activation_(activation_from(config.find("activation"))) {
    if (units_ < 1) reject("expected units >= 1, received ", units_);
  }

  Shape output_shape(const Shape& input) const override {
    Shape out = input;
    out[out.rank() - 1] = activation_.kind == Activation::Kind::glu ? units_ / 2 : units_;
    return out;
  }

  bool supports_masking() const override { return true; }

  bool open() const override { return activation_.elementwise() && activation_.function == ops::Unary::identity; }
  int channel_axis(int rank) const override { return rank - 1; }
  ops::Weights weights() const override { return {kernel_->value, use_bias_ ? bias_->value : Tensor()}; }
  Tensor multiply(const Tensor& x, const ops::Weights& weights, const Pointwise& f) override {
    return ops::dense(x, weights.kernel, weights.bias, f.function, f.args);
  }

 protected:
  void make_parameters(const Shape& input) override {
    if (input.rank() < 2) reject("expected an input of rank 2 or more (batch, ..., features), received shape ", input);
    if (input.back() < 1) reject("expected a known number of features on the last axis, received shape ", input);
    kernel_ = add_parameter("kernel", {input.back(), units_}, "GlorotUniform");
    if (use_bias_) bias_ = add_parameter("bias", {units_}, "Zeros");
  }

  void check_input(const Shape& input) const override {
    const Index features = kernel_->value.dim(0);
    if (input.rank() >= 2 && input.back() == features) return;
    const bool flat = input.rank() > 2 && input.numel(1, input.rank()) == features;
    reject("expected ", features, " features (last axis), received x with shape ", input,
           flat                ? "; add Flatten() before it."
           : input.rank() == 1 ? "; a single sample needs a batch axis: x[None, :]."
                               : ".");
  }

  Tensor call(const Tensor& x, Context&) override {
    if (activation_.elementwise()) return multiply(x, weights(), {activation_.function, activation_.args});
    return activation_(multiply(x, weights(), {}));
  }

 private:
  Index units_;
  bool use_bias_;
  Activation activation_;
  Ref<Parameter> kernel_;
  Ref<Parameter> bias_;
};

}  // namespace

Family dense_layers() { return {layer_class<Dense>("Dense")}; }

}  // namespace ranvier::nn
