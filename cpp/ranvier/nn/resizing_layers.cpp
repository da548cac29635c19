#include <algorithm>

#include "ranvier/nn/families.h"
#include "ranvier/nn/spatial.h"
#include "ranvier/ops/resize.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

/// Repeats or interpolates to a multiple of the size.
template <std::size_t Axes>
class UpSampling final : public SpatialLayer {
 public:
  explicit UpSampling(const io::Json& config)
      : SpatialLayer(config, Axes),
        factors_(sizes_of(config, "size", Axes, std::vector<Index>(Axes, 2))),
        method_(ops::interpolation_from(config.text("interpolation", "nearest"))) {
    for (const Index f : factors_) {
      if (f < 1) reject("size: expected numbers >= 1, received ", f);
    }
  }

 protected:
  Shape shape_of(const Shape& x) const override {
    Shape y = x;
    for (std::size_t i = 0; i < Axes; ++i) {
      const int at = static_cast<int>(i) + 1;
      if (x[at] >= 0) check(!__builtin_mul_overflow(x[at], factors_[i], &y[at]), "size: more than memory can address");
    }
    return y;
  }
  Tensor run(const Tensor& x) const override {
    if (method_ == ops::Interpolation::nearest) return ops::upsample_nearest(x, factors_);
    const Shape y = shape_of(x.shape());
    return ops::resize(x, {y.begin() + 1, y.end() - 1}, method_);
  }

 private:
  std::vector<Index> factors_;
  ops::Interpolation method_;
};

template <std::size_t Axes>
class ZeroPadding final : public SpatialLayer {
 public:
  explicit ZeroPadding(const io::Json& config)
      : SpatialLayer(config, Axes), margins_(margins_of(config, "padding", Axes)) {
    for (const auto& [before, after] : margins_) {
      constexpr Index most = Index{1} << 60;  // sums of three stay in range
      if (before < 0 || after < 0 || before > most || after > most) {
        reject("padding: expected numbers from 0 to 2^60, received (", before, ", ", after, ")");
      }
    }
  }

 protected:
  Shape shape_of(const Shape& x) const override {
    Shape y = x;
    for (std::size_t i = 0; i < Axes; ++i) {
      Index& size = y[static_cast<int>(i) + 1];
      if (size >= 0) size += margins_[i].first + margins_[i].second;
    }
    return y;
  }
  Tensor run(const Tensor& x) const override {
    std::vector<std::pair<Index, Index>> widths{{0, 0}};
    widths.insert(widths.end(), margins_.begin(), margins_.end());
    widths.emplace_back(0, 0);
    return ops::pad(x, widths);
  }

 private:
  std::vector<std::pair<Index, Index>> margins_;
};

template <std::size_t Axes>
class Cropping final : public SpatialLayer {
 public:
  explicit Cropping(const io::Json& config)
      : SpatialLayer(config, Axes), margins_(margins_of(config, "cropping", Axes)) {
    for (const auto& [before, after] : margins_) {
      if (before < 0 || after < 0) reject("cropping: expected numbers >= 0, received (", before, ", ", after, ")");
    }
  }

 protected:
  Shape shape_of(const Shape& x) const override {
    Shape y = x;
    for (std::size_t i = 0; i < Axes; ++i) {
      const int at = static_cast<int>(i) + 1;
      if (x[at] < 0) continue;
      const auto [before, after] = margins_[i];
      check(before < x[at] && after < x[at] - before, "cropping: expected less than the size of axis ", at,
            " to be cut off, received (", before, ", ", after, ") for shape ", x);
      y[at] = x[at] - before - after;
    }
    return y;
  }
  Tensor run(const Tensor& x) const override {
    const Shape y = shape_of(x.shape());
    std::vector<ops::Range> ranges(Axes + 1);
    for (std::size_t i = 0; i < Axes; ++i) {
      ranges[i + 1] = {margins_[i].first, margins_[i].first + y[static_cast<int>(i) + 1]};
    }
    return ops::slice(x, ranges);
  }

 private:
  std::vector<std::pair<Index, Index>> margins_;
};

/// Images of any size brought to one height and width.
class SizedImages : public SpatialLayer {
 public:
  explicit SizedImages(const io::Json& config)
      : SpatialLayer(config, 2), height_(config.integer("height")), width_(config.integer("width")) {
    if (height_ < 1 || width_ < 1) reject("expected height and width >= 1, received ", height_, " and ", width_);
    constexpr Index most = Index{1} << 31;
    if (height_ >= most || width_ >= most) reject("height, width: expected less than 2^31");
  }

 protected:
  Shape shape_of(const Shape& x) const final { return {x[0], height_, width_, x[3]}; }
  bool takes_samples() const final { return true; }

  static Tensor part(const Tensor& x, Index top, Index height, Index left, Index width) {
    return ops::slice(x, {{}, {top, top + height}, {left, left + width}});
  }
  /// ⌊a·b/c⌋ as Keras rounds it.
  static Index share(Index a, Index b, Index c) {
    return static_cast<Index>(static_cast<double>(a) * static_cast<double>(b) / static_cast<double>(c));
  }
  static void check_pixels(const Shape& x) {
    check(x[1] >= 1 && x[2] >= 1, "expected images of at least one pixel, received x with shape ", x);
  }

  Index height_;
  Index width_;
};

class Resizing final : public SizedImages {
 public:
  explicit Resizing(const io::Json& config)
      : SizedImages(config),
        method_(ops::interpolation_from(config.text("interpolation", "bilinear"))),
        crop_(config.flag("crop_to_aspect_ratio", false)),
        pad_(config.flag("pad_to_aspect_ratio", false)),
        fill_value_(config.number("fill_value", 0.0)),
        antialias_(config.flag("antialias", false)) {
    if (crop_ && pad_) reject("expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, received both");
    if (config.text("fill_mode", "constant") != "constant") reject("fill_mode: expected 'constant'");
  }

 protected:
  Tensor run(const Tensor& x) const override {
    check_pixels(x.shape());
    const Tensor shaped = crop_ ? ops::central_part(x, height_, width_) : pad_ ? padded(x) : x;
    return ops::resize(shaped, {height_, width_}, method_, antialias_);
  }

 private:
  // Pads one axis only, both sides alike, so an odd rest is dropped (as in Keras).
  Tensor padded(const Tensor& x) const {
    const Index top = (std::max(x.dim(1), share(x.dim(2), height_, width_)) - x.dim(1)) / 2;
    const Index left = top > 0 ? 0 : (std::max(x.dim(2), share(x.dim(1), width_, height_)) - x.dim(2)) / 2;
    return ops::pad(x, {{0, 0}, {top, top}, {left, left}, {0, 0}}, fill_value_);
  }

  ops::Interpolation method_;
  bool crop_;
  bool pad_;
  double fill_value_;
  bool antialias_;
};

/// The middle of each image; an image that is too small is enlarged until it covers the size, then cropped.
class CenterCrop final : public SizedImages {
 public:
  explicit CenterCrop(const io::Json& config) : SizedImages(config) {}

 protected:
  Tensor run(const Tensor& x) const override {
    check_pixels(x.shape());
    const Index rows = x.dim(1) - height_;
    const Index columns = x.dim(2) - width_;
    if (rows >= 0 && columns >= 0) return part(x, rows / 2, height_, columns / 2, width_);
    return ops::resize(ops::central_part(x, height_, width_), {height_, width_}, ops::Interpolation::bilinear);
  }
};

}  // namespace

Family resizing_layers() {
  return {layer_class<UpSampling<1>>("UpSampling1D"),   layer_class<UpSampling<2>>("UpSampling2D"),
          layer_class<UpSampling<3>>("UpSampling3D"),   layer_class<ZeroPadding<1>>("ZeroPadding1D"),
          layer_class<ZeroPadding<2>>("ZeroPadding2D"), layer_class<ZeroPadding<3>>("ZeroPadding3D"),
          layer_class<Cropping<1>>("Cropping1D"),       layer_class<Cropping<2>>("Cropping2D"),
          layer_class<Cropping<3>>("Cropping3D"),       layer_class<Resizing>("Resizing"),
          layer_class<CenterCrop>("CenterCrop")};
}

}  // namespace ranvier::nn
