// Layers that move pixels: flips, rotations, crops … The rules' own words are in kernels/image.h and image_draw.cpp.
#include <cmath>

#include "ranvier/nn/families.h"
#include "ranvier/nn/image_layer.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {
namespace {

using kernels::Fill;
using kernels::ImageOp;
using kernels::ImageRule;

class RandomFlip final : public RuleLayer {
 public:
  explicit RandomFlip(const io::Json& config) : RuleLayer(config) {
    const std::string mode = config.text("mode", "horizontal_and_vertical");
    ImageRule& rule = add(ImageOp::flip);
    rule.horizontal = mode != "vertical";
    rule.vertical = mode != "horizontal";
    if (mode != "horizontal" && mode != "vertical" && mode != "horizontal_and_vertical") {
      reject("mode: expected 'horizontal', 'vertical' or 'horizontal_and_vertical', received '", mode, "'");
    }
  }
};

/// What the layers that move pixels share.
class MovingLayer : public RuleLayer {
 public:
  using RuleLayer::RuleLayer;

 protected:
  ImageRule& move(ImageOp op, const char* fill) {
    ImageRule& rule = add(op);
    rule.bilinear = bilinear();
    const io::Json* given = option("fill_mode");
    const std::string mode = given != nullptr ? given->as_text() : fill;
    if (mode == "constant") {
      rule.fill = Fill::constant;
    } else if (mode == "nearest") {
      rule.fill = Fill::nearest;
    } else if (mode == "wrap") {
      rule.fill = Fill::wrap;
    } else if (mode != "reflect") {
      reject("fill_mode: expected 'constant', 'nearest', 'reflect' or 'wrap', received '", mode, "'");
    }
    const io::Json* value = option("fill_value");
    rule.fill_values[0] = value != nullptr ? value->as_number() : 0;
    if (!std::isfinite(rule.fill_values[0])) reject("fill_value: expected a number, received ", value->describe());
    return rule;
  }
};

class RandomRotation final : public MovingLayer {
 public:
  explicit RandomRotation(const io::Json& config) : MovingLayer(config) {
    move(ImageOp::rotate, "reflect").first = interval("factor", any_sign, Single::around);
  }
};

class RandomTranslation final : public MovingLayer {
 public:
  explicit RandomTranslation(const io::Json& config) : MovingLayer(config) {
    ImageRule& rule = move(ImageOp::translate, "reflect");
    rule.first = interval("height_factor", any_sign, Single::around);
    rule.second = interval("width_factor", any_sign, Single::around);
  }
};

class RandomZoom final : public MovingLayer {
 public:
  explicit RandomZoom(const io::Json& config) : MovingLayer(config) {
    ImageRule& rule = move(ImageOp::zoom, "reflect");
    rule.shared = option("width_factor") == nullptr;
    rule.first = interval("height_factor", any_sign, Single::around);
    rule.second = rule.shared ? rule.first : interval("width_factor", any_sign, Single::around);
    if (rule.first.low == -1 || rule.second.low == -1) {
      reject(rule.first.low == -1 ? "height" : "width",
             "_factor: expected numbers above -1 (at -1 one pixel would fill "
             "the image), received -1");
    }
  }
};

class RandomShear final : public MovingLayer {
 public:
  explicit RandomShear(const io::Json& config) : MovingLayer(config) {
    ImageRule& rule = move(ImageOp::shear, "reflect");
    rule.first = interval("x_factor", share, Single::from_zero);
    rule.second = interval("y_factor", share, Single::from_zero);
  }
};

class RandomPerspective final : public MovingLayer {
 public:
  explicit RandomPerspective(const io::Json& config) : MovingLayer(config) {
    ImageRule& rule = move(ImageOp::perspective, "constant");
    rule.chance = interval("factor", share, Single::from_zero);
    rule.first = interval("scale", share, Single::exact);
  }
};

/// In training a window anywhere, otherwise (and where the image is smaller) the largest central one, resized.
class RandomCrop final : public ImageLayer {
 public:
  explicit RandomCrop(const io::Json& config)
      : ImageLayer(config), height_(config.integer("height")), width_(config.integer("width")) {
    if (height_ < 1 || width_ < 1) {
      reject("height, width: expected positive ints, received ", height_, " and ", width_);
    }
    checked_bytes({height_, width_}, sizeof(double));
  }
  Shape output_shape(const Shape& input) const override {
    check_input(input);
    Shape output = input;
    const int at = input.rank() - (channels_first() ? 2 : 3);
    output[at] = height_;
    output[at + 1] = width_;
    return output;
  }

 protected:
  Tensor call(const Tensor& x, Context& context) override {
    const Tensor in = ops::cast(x, dtype());
    const kernels::ImageShape image = images(x.shape()).each;
    if (context.training && image.height >= height_ && image.width >= width_) {
      return ops::random_crop(in, height_, width_, channels_first(), generator());
    }
    return ops::central_crop(in, height_, width_, channels_first());
  }

 private:
  Index height_;
  Index width_;
};

}  // namespace

Family image_moving_layers() {
  return {layer_class<RandomFlip>("RandomFlip"),
          layer_class<RandomRotation>("RandomRotation"),
          layer_class<RandomTranslation>("RandomTranslation"),
          layer_class<RandomZoom>("RandomZoom"),
          layer_class<RandomShear>("RandomShear"),
          layer_class<RandomPerspective>("RandomPerspective"),
          layer_class<RandomCrop>("RandomCrop")};
}

}  // namespace ranvier::nn
