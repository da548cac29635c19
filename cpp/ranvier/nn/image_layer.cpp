#include "ranvier/nn/image_layer.h"

#include <algorithm>
#include <cmath>

#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {

ImageLayer::ImageLayer(const io::Json& config) : RandomLayer(config) {
  const std::string format = config.text("data_format", "channels_last");
  channels_first_ = format == "channels_first";
  if (!channels_first_ && format != "channels_last") {
    reject("data_format: expected 'channels_last' or 'channels_first', received '", format, "'");
  }
}

Interval ImageLayer::interval(const char* key, Interval bounds, Single single) const {
  const auto refuse = [&](const io::Json* given) {
    reject(key, ": expected a number from ", bounds.low, " to ", bounds.high, ", or two of them, received ",
           given == nullptr ? std::string("None") : given->describe());
  };
  const io::Json* given = option(key);
  if (given == nullptr) refuse(given);
  Interval range;
  if (given->is_array()) {
    if (given->size() != 2 || !given->at(0).is_number() || !given->at(1).is_number()) refuse(given);
    range = {given->at(0).as_number(), given->at(1).as_number()};
    if (range.low > range.high) std::swap(range.low, range.high);
  } else {
    if (!given->is_number()) refuse(given);
    const double one = given->as_number();
    // The sign of a single number never mattered where it stands for both.
    if (!(one >= bounds.low && one <= bounds.high)) refuse(given);
    range = single == Single::exact ? Interval{one, one}
                                    : Interval{single == Single::around ? -std::abs(one) : 0, std::abs(one)};
  }
  if (!(range.low >= bounds.low && range.high <= bounds.high)) refuse(given);
  return range;
}

Interval ImageLayer::value_range() const {
  const io::Json* given = option("value_range");
  if (given == nullptr) return {0, 255};
  Interval range{0, 0};
  if (given->is_array() && given->size() == 2 && given->at(0).is_number() && given->at(1).is_number()) {
    range = {given->at(0).as_number(), given->at(1).as_number()};
    if (range.low > range.high) std::swap(range.low, range.high);
  }
  if (!(range.low < range.high && std::isfinite(range.low) && std::isfinite(range.high))) {
    reject("value_range: expected two different numbers, the least and the largest of a pixel, received ",
           given->describe());
  }
  return range;
}

Interval ImageLayer::contrast(const char* key) const {
  const Interval range = interval(key, share, Single::exact);
  const io::Json& given = *option(key);
  if (!given.is_array()) return {1 - range.low, 1 + range.high};
  return {1 - given.at(0).as_number(), 1 + given.at(1).as_number()};
}

bool ImageLayer::bilinear() const {
  const io::Json* given = option("interpolation");
  const std::string name = given != nullptr ? given->as_text() : "bilinear";
  if (name != "bilinear" && name != "nearest") {
    reject("interpolation: expected 'bilinear' or 'nearest', received '", name, "'");
  }
  return name == "bilinear";
}

void ImageLayer::check_colours(const Shape& input, bool grey_too) const {
  const Index channels = images(input).each.channels;
  if (channels == 3 || channels < 0 || (grey_too && channels == 1)) return;
  reject("expected images of 3 channels (red, green, blue)", grey_too ? " or 1" : "", ", received inputs of shape ",
         input, " with ", channels, channels_first_ ? " (channels first)" : " (channels last)");
}

kernels::ImageRule& RuleLayer::add(kernels::ImageOp op) {
  rules_.emplace_back();
  rules_.back().op = op;
  return rules_.back();
}

kernels::ImageRule& RuleLayer::add(kernels::ImageOp op, Interval first) {
  kernels::ImageRule& rule = add(op);
  rule.first = first;
  rule.values = value_range();
  return rule;
}

Tensor RuleLayer::call(const Tensor& x, Context& context) {
  Tensor y = ops::cast(x, dtype());
  if (!context.training && !always_) return y;
  for (const kernels::ImageRule& rule : rules_) y = ops::change_images(y, rule, channels_first(), generator());
  return y;
}

}  // namespace ranvier::nn
