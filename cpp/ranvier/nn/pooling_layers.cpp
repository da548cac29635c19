#include "ranvier/nn/families.h"
#include "ranvier/nn/spatial.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/pool.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

enum class Pool { max, average };

/// The largest or the mean of every window.
template <Pool kind, std::size_t Axes>
class Pooling final : public SpatialLayer {
 public:
  explicit Pooling(const io::Json& config) : SpatialLayer(config, Axes) {
    pooling_.size = sizes_of(config, "pool_size", Axes, std::vector<Index>(Axes, 2));
    pooling_.strides = sizes_of(config, "strides", Axes, pooling_.size);
    const std::string padding = config.text("padding", "valid");
    if (padding != "valid" && padding != "same") {
      reject("padding: expected 'valid' or 'same', received '", padding, "'");
    }
    pooling_.same = padding == "same";
  }

 protected:
  Shape shape_of(const Shape& x) const override { return ops::pooled_shape(x, pooling_); }
  Tensor run(const Tensor& x) const override {
    return kind == Pool::max ? ops::max_pool(x, pooling_) : ops::average_pool(x, pooling_);
  }

 private:
  ops::Pooling pooling_;
};

/// The largest or the mean of each channel.
template <Pool kind, std::size_t Axes>
class GlobalPooling final : public Layer {
 public:
  explicit GlobalPooling(const io::Json& config)
      : Layer(config),
        channels_first_(config.text("data_format", "channels_last") == "channels_first"),
        keepdims_(config.flag("keepdims", false)) {}
  Shape output_shape(const Shape& input) const override {
    check_rank(input);
    Shape y{input[0]};
    if (channels_first_) y.push_back(input[1]);
    for (std::size_t i = 0; keepdims_ && i < Axes; ++i) y.push_back(1);
    if (!channels_first_) y.push_back(input.back());
    return y;
  }
  /// Means over time leave masked steps out; what comes out has no steps.
  bool supports_masking() const override { return kind == Pool::average && Axes == 1; }
  Tensor mask_for(const Tensor& /*x*/, const Tensor& /*y*/) const override { return {}; }
  bool streams() const override { return false; }

 protected:
  Tensor call(const Tensor& x, Context&) override {
    check_rank(x.shape());
    ops::Axes axes;
    for (std::size_t i = 0; i < Axes; ++i) axes.push_back(static_cast<Index>(i) + (channels_first_ ? 2 : 1));
    for (const Index axis : axes) {
      if (x.dim(static_cast<int>(axis)) == 0)
        reject("expected at least one element to pool, received shape ", x.shape());
    }
    if (supports_masking() && x.has_mask() && !channels_first_) return masked_mean(x);
    return kind == Pool::max ? ops::max(x, axes, keepdims_) : ops::mean(x, axes, keepdims_);
  }

 private:
  // A sequence all of whose steps are masked has mean 0.
  Tensor masked_mean(const Tensor& x) const {
    if (x.mask().rank() != 2) reject("expected a mask of shape (batch, time), received ", x.mask().shape());
    const Tensor mask = ops::expand_dims(x.mask(), -1);
    const Tensor count = ops::sum(ops::cast(mask, x.dtype()), {1}, keepdims_);
    const Tensor total = ops::sum(ops::where(mask, x, full({}, 0, x.dtype())), {1}, keepdims_);
    return ops::divide(total, ops::binary(ops::Binary::maximum, count, full({}, 1, x.dtype())));
  }
  void check_rank(const Shape& x) const {
    if (x.rank() == static_cast<int>(Axes) + 2) return;
    reject("expected ", Axes + 2, " axes (",
           channels_first_ ? "batch, channels, spatial..." : "batch, spatial..., channels", "), received x with shape ",
           x, ".");
  }

  bool channels_first_;
  bool keepdims_;
};

/// As many windows of equal share as output_size says.
template <Pool kind, std::size_t Axes>
class AdaptivePooling final : public SpatialLayer {
 public:
  explicit AdaptivePooling(const io::Json& config)
      : SpatialLayer(config, Axes), output_size_(sizes_of(config, "output_size", Axes, {})) {
    if (output_size_.empty()) reject("expected an output_size");
  }

 protected:
  Shape shape_of(const Shape& x) const override { return ops::adaptive_shape(x, output_size_); }
  Tensor run(const Tensor& x) const override {
    return kind == Pool::max ? ops::adaptive_max_pool(x, output_size_) : ops::adaptive_average_pool(x, output_size_);
  }

 private:
  std::vector<Index> output_size_;
};

}  // namespace

Family pooling_layers() {
  return {layer_class<Pooling<Pool::max, 1>>("MaxPooling1D"),
          layer_class<Pooling<Pool::max, 2>>("MaxPooling2D"),
          layer_class<Pooling<Pool::max, 3>>("MaxPooling3D"),
          layer_class<Pooling<Pool::average, 1>>("AveragePooling1D"),
          layer_class<Pooling<Pool::average, 2>>("AveragePooling2D"),
          layer_class<Pooling<Pool::average, 3>>("AveragePooling3D"),
          layer_class<GlobalPooling<Pool::max, 1>>("GlobalMaxPooling1D"),
          layer_class<GlobalPooling<Pool::max, 2>>("GlobalMaxPooling2D"),
          layer_class<GlobalPooling<Pool::max, 3>>("GlobalMaxPooling3D"),
          layer_class<GlobalPooling<Pool::average, 1>>("GlobalAveragePooling1D"),
          layer_class<GlobalPooling<Pool::average, 2>>("GlobalAveragePooling2D"),
          layer_class<GlobalPooling<Pool::average, 3>>("GlobalAveragePooling3D"),
          layer_class<AdaptivePooling<Pool::max, 1>>("AdaptiveMaxPooling1D"),
          layer_class<AdaptivePooling<Pool::max, 2>>("AdaptiveMaxPooling2D"),
          layer_class<AdaptivePooling<Pool::max, 3>>("AdaptiveMaxPooling3D"),
          layer_class<AdaptivePooling<Pool::average, 1>>("AdaptiveAveragePooling1D"),
          layer_class<AdaptivePooling<Pool::average, 2>>("AdaptiveAveragePooling2D"),
          layer_class<AdaptivePooling<Pool::average, 3>>("AdaptiveAveragePooling3D")};
}

}  // namespace ranvier::nn
