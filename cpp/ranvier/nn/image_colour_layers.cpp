// Layers that change the values of pixels.
#include <cmath>
#include <limits>

#include "ranvier/nn/families.h"
#include "ranvier/nn/image_layer.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

using kernels::ImageOp;
using kernels::ImageRule;

constexpr double infinity = std::numeric_limits<double>::infinity();

class RandomBrightness final : public RuleLayer {
 public:
  explicit RandomBrightness(const io::Json& config) : RuleLayer(config) {
    add(ImageOp::brightness, interval("factor", any_sign, Single::around));
  }
};

class RandomContrast final : public RuleLayer {
 public:
  explicit RandomContrast(const io::Json& config) : RuleLayer(config) { add(ImageOp::contrast, contrast("factor")); }
};

/// Layers that see colours.
class ColourLayer : public RuleLayer {
 public:
  ColourLayer(const io::Json& config, bool grey_too) : RuleLayer(config), grey_too_(grey_too) {}

 protected:
  void check_input(const Shape& input) const override { check_colours(input, grey_too_); }

 private:
  bool grey_too_;
};

class RandomSaturation final : public ColourLayer {
 public:
  explicit RandomSaturation(const io::Json& config) : ColourLayer(config, false) {
    add(ImageOp::saturation, interval("factor", share, Single::from_zero));
  }
};

class RandomHue final : public ColourLayer {
 public:
  explicit RandomHue(const io::Json& config) : ColourLayer(config, false) {
    add(ImageOp::hue, interval("factor", share, Single::from_zero));
  }
};

class RandomColorDegeneration final : public ColourLayer {
 public:
  explicit RandomColorDegeneration(const io::Json& config) : ColourLayer(config, true) {
    add(ImageOp::degenerate, interval("factor", share, Single::from_zero));
  }
};

class RandomGrayscale final : public ColourLayer {
 public:
  explicit RandomGrayscale(const io::Json& config) : ColourLayer(config, true) {
    ImageRule& rule = add(ImageOp::degenerate);
    rule.first = {1, 1};
    rule.values = {-infinity, infinity};
    rule.chance = interval("factor", share, Single::exact);
  }
};

class RandomInvert final : public RuleLayer {
 public:
  explicit RandomInvert(const io::Json& config) : RuleLayer(config) {
    add(ImageOp::invert, {}).chance = interval("factor", share, Single::from_zero);
  }
};

class RandomErasing final : public RuleLayer {
 public:
  explicit RandomErasing(const io::Json& config) : RuleLayer(config) {
    ImageRule& rule = add(ImageOp::erase, interval("scale", share, Single::from_zero));
    rule.chance = interval("factor", share, Single::from_zero);
    const io::Json* fill = option("fill_value");
    rule.random_fill = fill == nullptr;
    if (fill == nullptr) return;
    const bool three = fill->is_array() && fill->size() == 3;
    for (std::size_t c = 0; c < 3; ++c) {
      const io::Json& one = three ? fill->at(c) : *fill;
      if (!one.is_number()) reject("fill_value: expected a number, three numbers or None, received ", fill->describe());
      rule.fill_values[c] = one.as_number();
    }
    per_channel_ = three;
  }

 protected:
  void check_input(const Shape& input) const override {
    RuleLayer::check_input(input);
    if (per_channel_) check_colours(input, false);
  }

 private:
  bool per_channel_ = false;
};

class RandomGaussianBlur final : public RuleLayer {
 public:
  explicit RandomGaussianBlur(const io::Json& config) : RuleLayer(config) {
    ImageRule& rule = add(ImageOp::blur, interval("sigma", {0, infinity}, Single::from_zero));
    rule.chance = interval("factor", share, Single::from_zero);
    const io::Json* size = option("kernel_size");
    for (std::size_t axis = 0; axis < 2 && size != nullptr; ++axis) {
      const bool pair = size->is_array() && size->size() == 2;
      const io::Json& one = pair ? size->at(axis) : *size;
      const Index n = one.is_integer() ? one.as_integer() : 0;
      if (n < 1 || n % 2 == 0 || n > kernels::largest_blur) {
        reject("kernel_size: expected an odd int up to ", kernels::largest_blur, ", or two of them, received ",
               size->describe());
      }
      (axis == 0 ? rule.kernel_height : rule.kernel_width) = static_cast<std::int32_t>(n);
    }
  }
};

class RandomSharpness final : public RuleLayer {
 public:
  explicit RandomSharpness(const io::Json& config) : RuleLayer(config) {
    add(ImageOp::sharpness, interval("factor", share, Single::from_zero));
  }
};

/// Bits of a byte that are kept: always as many, or at random from low … high.
template <const char* key, bool fixed>
class Posterizing final : public RuleLayer {
 public:
  explicit Posterizing(const io::Json& config) : RuleLayer(config) {
    const Interval bits = interval(key, {1, 8}, Single::exact);
    if (bits.low != std::floor(bits.low) || bits.high != std::floor(bits.high) || (fixed && bits.low != bits.high)) {
      reject(key, ": expected ", fixed ? "an int" : "ints", " from 1 to 8, received ", option(key)->describe());
    }
    add(ImageOp::posterize, bits);
    if (fixed) always();
  }
};
constexpr char factor_key[] = "factor";
constexpr char bits_key[] = "bits";

class Solarization final : public RuleLayer {
 public:
  explicit Solarization(const io::Json& config) : RuleLayer(config) {
    ImageRule& rule = add(ImageOp::solarize, interval("addition_factor", share, Single::from_zero));
    rule.second = interval("threshold_factor", share, Single::from_zero);
  }
};

class Equalization final : public RuleLayer {
 public:
  explicit Equalization(const io::Json& config) : RuleLayer(config) {
    const Index bins = config.integer("bins", 256);
    if (bins < 2 || bins > kernels::largest_bins) {
      reject("bins: expected an int from 2 to ", kernels::largest_bins, ", received ", bins);
    }
    add(ImageOp::equalize, {}).bins = static_cast<std::int32_t>(bins);
    always();
  }
};

class AutoContrast final : public RuleLayer {
 public:
  explicit AutoContrast(const io::Json& config) : RuleLayer(config) {
    add(ImageOp::autocontrast, {});
    always();
  }
};

class RandomColorJitter final : public RuleLayer {
 public:
  explicit RandomColorJitter(const io::Json& config) : RuleLayer(config) {
    if (option("brightness_factor") != nullptr) {
      add(ImageOp::brightness, interval("brightness_factor", any_sign, Single::around));
    }
    if (option("contrast_factor") != nullptr) add(ImageOp::contrast, contrast("contrast_factor"));
    if (option("saturation_factor") != nullptr) {
      add(ImageOp::saturation, interval("saturation_factor", share, Single::from_zero));
      coloured_ = true;
    }
    if (option("hue_factor") != nullptr) {
      add(ImageOp::hue, interval("hue_factor", share, Single::from_zero));
      coloured_ = true;
    }
  }

 protected:
  void check_input(const Shape& input) const override {
    RuleLayer::check_input(input);
    if (coloured_) check_colours(input, false);
  }

 private:
  bool coloured_ = false;
};

/// Always grey: of one channel, or of three equal ones.
class Grayscale final : public ColourLayer {
 public:
  explicit Grayscale(const io::Json& config)
      : ColourLayer(config, true), channels_(config.integer("output_channels", 1)) {
    if (channels_ != 1 && channels_ != 3) reject("output_channels: expected 1 or 3, received ", channels_);
    ImageRule& rule = add(ImageOp::degenerate);
    rule.first = {1, 1};
    rule.values = {-infinity, infinity};
    always();
  }
  Shape output_shape(const Shape& input) const override {
    check_input(input);
    Shape output = input;
    output[axis(input)] = channels_;
    return output;
  }

 protected:
  Tensor call(const Tensor& x, Context& context) override {
    const Tensor grey = ColourLayer::call(x, context);
    const int at = axis(x.shape());
    if (grey.dim(at) == channels_) return grey;
    if (channels_ == 3) return ops::concatenate({grey, grey, grey}, at);
    std::vector<ops::Range> first(static_cast<std::size_t>(at + 1));
    first.back().stop = 1;
    return ops::slice(grey, first);
  }

 private:
  int axis(const Shape& input) const { return input.rank() - (channels_first() ? 3 : 1); }
  Index channels_;
};

}  // namespace

Family image_colour_layers() {
  return {layer_class<RandomBrightness>("RandomBrightness"),
          layer_class<RandomContrast>("RandomContrast"),
          layer_class<RandomSaturation>("RandomSaturation"),
          layer_class<RandomHue>("RandomHue"),
          layer_class<RandomColorJitter>("RandomColorJitter"),
          layer_class<RandomColorDegeneration>("RandomColorDegeneration"),
          layer_class<RandomGrayscale>("RandomGrayscale"),
          layer_class<RandomInvert>("RandomInvert"),
          layer_class<RandomErasing>("RandomErasing"),
          layer_class<RandomGaussianBlur>("RandomGaussianBlur"),
          layer_class<RandomSharpness>("RandomSharpness"),
          layer_class<Posterizing<factor_key, false>>("RandomPosterization"),
          layer_class<Posterizing<bits_key, true>>("Posterization"),
          layer_class<Solarization>("Solarization"),
          layer_class<Equalization>("Equalization"),
          layer_class<AutoContrast>("AutoContrast"),
          layer_class<Grayscale>("Grayscale")};
}

}  // namespace ranvier::nn
