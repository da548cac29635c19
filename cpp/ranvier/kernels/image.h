// What is done to images in training: a rule (what, and how strongly), the numbers drawn from it for each image, and the
// images made with them. Drawing and applying are apart, so that the gradient sees the same numbers.
#pragma once

#include <array>
#include <cstdint>

#include "ranvier/kernels/random.h"

namespace ranvier::kernels {

/// One image of a batch. Channels come last (height, width, channels) or first.
struct ImageShape {
  Index height = 0;
  Index width = 0;
  Index channels = 0;
  bool channels_first = false;

  Index numel() const { return height * width * channels; }
  /// Steps from a pixel to its right neighbour, and from a channel to the next.
  Index pixel() const { return channels_first ? 1 : channels; }
  Index channel() const { return channels_first ? height * width : 1; }
  /// The image as `planes` arrays of `height` rows, `row` elements each.
  Index planes() const { return channels_first ? channels : 1; }
  Index row() const { return channels_first ? width : width * channels; }
};

enum class ImageOp : std::int32_t {
  nothing,
  flip,
  rotate,
  translate,
  zoom,
  shear,
  perspective,
  brightness,
  contrast,
  saturation,
  hue,
  degenerate,
  erase,
  blur,
  sharpness,
  posterize,
  invert,
  solarize,
  equalize,
  autocontrast
};

/// What stands beyond the edge: a constant, the edge's pixel, the image mirrored (d c b a | a b c d), or repeated.
enum class Fill : std::int32_t { constant, nearest, reflect, wrap };

struct Interval {
  double low = 0;
  double high = 0;
};

/// `first` and `second` are the intervals the op draws from (see image_draw.cpp).
struct ImageRule {
  ImageOp op = ImageOp::nothing;
  Interval chance{1, 1};  ///< an image is changed with a probability drawn from here
  Interval first;
  Interval second;
  Interval values{0, 255};  ///< the range of pixel values
  bool horizontal = false;  ///< flip
  bool vertical = false;    ///< flip
  bool shared = false;      ///< zoom: height and width by the same number
  bool bilinear = true;
  Fill fill = Fill::reflect;
  bool random_fill = false;             ///< erase: with noise
  std::array<double, 3> fill_values{};  ///< erase may have one for each channel; others use the first
  std::int32_t kernel_height = 3;       ///< blur
  std::int32_t kernel_width = 3;
  std::int32_t bins = 256;  ///< equalize
};

constexpr Index largest_blur = 255;
constexpr Index largest_bins = 65536;

/// The numbers drawn for one image and rule: the op (or `nothing`, when chance spared the image), then its parameters:
/// the 8 of a projective map from output to input pixels, a factor, a box …
constexpr Index image_draws = 10;

/// draws (count, image_draws). Image i's numbers are a function of (key, i).
void draw_images(const ImageRule& rule, const ImageShape& shape, RandomKey key, Index count, double* draws);

/// y = the images x changed as drawn. `noise` (as x) fills erased boxes; null: rule.fill_values do. `scratch`: as many
/// elements as x where the rule needs_scratch.
template <class T>
void change_images(const ImageRule& rule, const ImageShape& shape, Index count, const double* draws, const T* noise,
                   const T* x, T* scratch, T* y);
bool needs_scratch(const ImageRule& rule);

/// dx (+)= the gradient of change_images, where dy came in. y: its result (where it stands at an end of the range of
/// values, the clipping lets no gradient through). Only for rules that have_gradient.
template <class T>
void change_images_backward(const ImageRule& rule, const ImageShape& shape, Index count, const double* draws,
                            const T* y, const T* dy, T* scratch, T* dx, bool accumulate);
bool has_gradient(const ImageRule& rule);

constexpr Index most_rules = 12;
constexpr Index most_steps = 64;

/// Several rules, of which each image gets some at random: RandAugment (Cubuk et al. 2019) with one chain; with `mixes`
/// AugMix (Hendrycks et al. 2019): chains that may skip a step, averaged with Dirichlet weights and mixed with the image.
struct ImagePolicy {
  std::array<ImageRule, most_rules> rules{};
  std::int32_t count = 0;
  std::int32_t chains = 1;
  std::int32_t depth = 2;
  bool mixes = false;
  double alpha = 1;

  Index steps() const { return static_cast<Index>(chains) * depth; }
  /// Numbers of one image: each step's rule and draws, each chain's weight, the weight of the image itself.
  Index draws() const { return steps() * (1 + image_draws) + chains + 1; }
};

void draw_policy(const ImagePolicy& policy, const ImageShape& shape, RandomKey key, Index count, double* draws);
/// scratch: 2·count images.
template <class T>
void apply_policy(const ImagePolicy& policy, const ImageShape& shape, Index count, const double* draws, const T* x,
                  T* scratch, T* y);

/// y (count, height, width) = windows of the images at (top, left) drawn for each; channels as in `from`.
void draw_crops(RandomKey key, Index count, Index tops, Index lefts, std::int64_t* corners);
template <class T>
void crop_images(const ImageShape& from, const ImageShape& to, Index count, const std::int64_t* corners, const T* x,
                 T* y);
/// dx must hold zeros, or what is to be added to.
template <class T>
void crop_images_backward(const ImageShape& from, const ImageShape& to, Index count, const std::int64_t* corners,
                          const T* dy, T* dx);

}  // namespace ranvier::kernels
