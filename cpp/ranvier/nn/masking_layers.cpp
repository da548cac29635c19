#include "ranvier/nn/families.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

/// Masks the steps all of whose features are mask_value, and makes them 0.
class Masking final : public Layer {
 public:
  explicit Masking(const io::Json& config) : Layer(config), value_(config.number("mask_value", 0.0)) {}
  bool supports_masking() const override { return true; }

 protected:
  void make_parameters(const Shape& input) override { Masking::check_input(input); }
  void check_input(const Shape& input) const override {
    if (input.rank() < 2) reject("expected inputs of shape (batch, time, features), received shape ", input);
  }
  Tensor call(const Tensor& x, Context&) override {
    const auto number = [&](double value) { return full({}, value, x.dtype()); };
    const Tensor differs = ops::compare(ops::Compare::not_equal, x, number(value_));
    const Tensor mask = ops::any(differs, {-1});
    Tensor y = ops::where(ops::expand_dims(mask, -1), x, number(0));
    y.set_mask(mask);
    return y;
  }

 private:
  double value_;
};

}  // namespace

Family masking_layers() { return {layer_class<Masking>("Masking")}; }

}  // namespace ranvier::nn
