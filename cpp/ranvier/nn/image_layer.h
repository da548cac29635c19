// What the layers that change images share: Keras's arguments as intervals, and the order of the axes.
#pragma once

#include "ranvier/nn/random_layer.h"
#include "ranvier/ops/image.h"

namespace ranvier::nn {

using kernels::Interval;

constexpr Interval any_sign{-1, 1};
constexpr Interval share{0, 1};

class ImageLayer : public RandomLayer {
 public:
  explicit ImageLayer(const io::Json& config);

 protected:
  /// What one number f stands for: [−f, f], [0, f] or [f, f].
  enum class Single : std::uint8_t { around, from_zero, exact };
  /// Config's number, or pair of numbers, within the bounds; the pair may come in either order.
  Interval interval(const char* key, Interval bounds, Single single) const;
  /// Config's "value_range", (0, 255) by default.
  Interval value_range() const;
  bool channels_first() const { return channels_first_; }
  /// The factors of a contrast: one number f gives [1 − f, 1 + f], two [1 − lower, 1 + upper].
  Interval contrast(const char* key) const;
  bool bilinear() const;

  void make_parameters(const Shape& input) override { check_input(input); }
  void check_input(const Shape& input) const override { images(input); }
  /// ValueError naming the layer unless inputs of this shape are images.
  ops::Images images(const Shape& input) const {
    return ops::images_of(("[" + name() + "] input").c_str(), input, channels_first_);
  }
  /// For layers that see colours: red, green and blue, or grey where that makes sense.
  void check_colours(const Shape& input, bool grey_too) const;

 private:
  bool channels_first_;
};

/// Rules applied one after another to every image, in training only unless always().
class RuleLayer : public ImageLayer {
 public:
  using ImageLayer::ImageLayer;

 protected:
  kernels::ImageRule& add(kernels::ImageOp op);
  /// With what it draws, and the range of values.
  kernels::ImageRule& add(kernels::ImageOp op, Interval first);
  void always() { always_ = true; }
  Tensor call(const Tensor& x, Context& context) override;

 private:
  std::vector<kernels::ImageRule> rules_;
  bool always_ = false;
};

}  // namespace ranvier::nn
