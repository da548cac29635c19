#include <algorithm>
#include <cmath>

#include "ranvier/nn/families.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {
namespace {

using ops::Binary;
using ops::Unary;

/// (x − mean)/max(sqrt(variance), 1e-7) with statistics fixed beforehand (Python's adapt sets them); `invert` undoes it.
class Normalization final : public Layer {
 public:
  explicit Normalization(const io::Json& config) : Layer(config), invert_(config.flag("invert", false)) {}
  bool supports_masking() const override { return true; }

 protected:
  void make_parameters(const Shape& input) override {
    // Statistics are kept per index of the axes in `axis` and shared over all others.
    Shape shape = input;
    const io::Json* axis = option("axis");
    std::vector<bool> kept(static_cast<std::size_t>(input.rank()), false);
    if (axis != nullptr) {
      const auto keep = [&](const io::Json& one) {
        kept[static_cast<std::size_t>(normalize_axis(one.as_integer(), input.rank(), "Normalization"))] = true;
      };
      if (axis->is_array()) {
        for (const io::Json& one : axis->as_array()) keep(one);
      } else {
        keep(*axis);
      }
    }
    for (int i = 0; i < input.rank(); ++i) {
      if (!kept[static_cast<std::size_t>(i)]) shape[i] = 1;
      if (shape[i] < 1) reject("expected known sizes on the axes it keeps, received shape ", input);
    }
    mean_ = add_parameter("mean", shape, "Zeros", false);
    variance_ = add_parameter("variance", shape, "Ones", false);
  }
  void check_input(const Shape& input) const override {
    const Shape& kept = mean_->value.shape();
    bool fits = input.rank() == kept.rank();
    for (int i = 0; fits && i < kept.rank(); ++i) fits = kept[i] == 1 || input[i] == kept[i];
    if (!fits) reject("expected inputs of shape ", input_shape(), " as it was adapted to, received ", input);
  }
  Tensor call(const Tensor& x, Context&) override {
    const Tensor floor = full({}, 1e-7, dtype());
    const Tensor deviation = ops::binary(Binary::maximum, ops::unary(Unary::sqrt, variance_->value), floor);
    const Tensor in = ops::cast(x, dtype());
    if (invert_) return ops::add(mean_->value, ops::multiply(in, deviation));
    return ops::divide(ops::subtract(in, mean_->value), deviation);
  }

 private:
  bool invert_;
  Ref<Parameter> mean_;
  Ref<Parameter> variance_;
};

/// x·scale + offset.
class Rescaling final : public Layer {
 public:
  explicit Rescaling(const io::Json& config)
      : Layer(config), scale_(config.number("scale")), offset_(config.number("offset", 0.0)) {}
  bool supports_masking() const override { return true; }

 protected:
  Tensor call(const Tensor& x, Context&) override {
    const Tensor scaled = ops::multiply(ops::cast(x, dtype()), full({}, scale_, dtype()));
    return offset_ == 0 ? scaled : ops::add(scaled, full({}, offset_, dtype()));
  }

 private:
  double scale_;
  double offset_;
};

}  // namespace

Family preprocessing_layers() {
  return {layer_class<Normalization>("Normalization"), layer_class<Rescaling>("Rescaling")};
}

}  // namespace ranvier::nn
