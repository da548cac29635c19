// Several changes for each image (RandAugment, AugMix), and images mixed with each other (MixUp, CutMix).
#include <algorithm>
#include <cmath>

#include "ranvier/nn/families.h"
#include "ranvier/nn/image_layer.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {
namespace {

using kernels::ImageOp;
using kernels::ImagePolicy;
using kernels::ImageRule;

class PolicyLayer : public ImageLayer {
 public:
  PolicyLayer(const io::Json& config, bool all) : ImageLayer(config) {
    // Each rule draws from the same interval, as in Keras.
    const Interval factor = interval("factor", share, Single::from_zero);
    const double bits = std::max(1.0, std::floor(8 * factor.high));
    add(ImageOp::shear, factor, factor);
    add(ImageOp::translate, factor, factor);
    add(ImageOp::rotate, factor, {});
    add(ImageOp::posterize, {bits, bits}, {});
    add(ImageOp::solarize, factor, factor);
    add(ImageOp::autocontrast, {}, {});
    add(ImageOp::equalize, {}, {});
    if (!all) return;
    add(ImageOp::brightness, factor, {});
    add(ImageOp::degenerate, factor, {});
    add(ImageOp::contrast, {1 - factor.low, 1 + factor.high}, {});
    add(ImageOp::sharpness, factor, {});
  }

 protected:
  void check_input(const Shape& input) const override { check_colours(input, true); }
  Tensor call(const Tensor& x, Context& context) override {
    const Tensor in = ops::cast(x, dtype());
    if (!context.training || policy_.steps() == 0) return in;
    return ops::change_images(in, policy_, channels_first(), generator());
  }
  void set_steps(const char* chains_key, Index chains, const char* depth_key, Index depth) {
    if (chains < 1) reject(chains_key, ": expected a positive int, received ", chains);
    if (depth < 0) reject(depth_key, ": expected an int of 0 or more, received ", depth);
    if (chains > kernels::most_steps || depth > kernels::most_steps || chains * depth > kernels::most_steps) {
      reject(depth_key, ": expected at most ", kernels::most_steps, " changes of an image in all, received ", chains,
             " x ", depth);
    }
    policy_.chains = static_cast<std::int32_t>(chains);
    policy_.depth = static_cast<std::int32_t>(depth);
  }
  ImagePolicy policy_;

 private:
  void add(ImageOp op, Interval first, Interval second) {
    ImageRule& rule = policy_.rules[static_cast<std::size_t>(policy_.count++)];
    rule.op = op;
    rule.first = first;
    rule.second = second;
    rule.values = value_range();
    rule.bilinear = bilinear();
  }
};

class RandAugment final : public PolicyLayer {
 public:
  explicit RandAugment(const io::Json& config) : PolicyLayer(config, true) {
    set_steps("num_ops", 1, "num_ops", config.integer("num_ops", 2));
  }
};

class AugMix final : public PolicyLayer {
 public:
  explicit AugMix(const io::Json& config) : PolicyLayer(config, config.flag("all_ops", true)) {
    set_steps("num_chains", config.integer("num_chains", 3), "chain_depth", config.integer("chain_depth", 3));
    policy_.mixes = true;
    policy_.alpha = config.number("alpha", 1.0);
    if (!(policy_.alpha > 0 && std::isfinite(policy_.alpha))) {
      reject("alpha: expected a number above 0, received ", policy_.alpha);
    }
  }
};

/// Called on images, or on images and labels.
class MixingLayer : public ImageLayer {
 public:
  using ImageLayer::ImageLayer;
  Shapes output_shapes(const Shapes& inputs) const override {
    check_inputs(inputs);
    return inputs;
  }

 protected:
  virtual ops::Mixed mix(const Tensor& images, const Tensor& labels) = 0;
  void make_all_parameters(const Shapes& inputs) override { check_inputs(inputs); }
  void check_inputs(const Shapes& inputs) const override {
    if (inputs.size() > 2) reject("expected images, or images and labels, received ", inputs.size(), " inputs");
    check_input(inputs.front());
  }
  Tensors call_all(const Tensors& xs, Context& context) override {
    if (xs.size() == 1) return {call(xs[0], context)};
    const Tensor images = ops::cast(xs[0], dtype());
    const Tensor labels = ops::cast(xs[1], dtype());
    if (!context.training || images.rank() != 4) return {images, labels};
    const ops::Mixed mixed = mix(images, labels);
    return {mixed.images, mixed.labels};
  }
  Tensor call(const Tensor& x, Context& context) override {
    const Tensor in = ops::cast(x, dtype());
    return context.training && x.rank() == 4 ? mix(in, {}).images : in;
  }
};

class MixUp final : public MixingLayer {
 public:
  explicit MixUp(const io::Json& config) : MixingLayer(config), alpha_(config.number("alpha", 0.2)) {
    if (!(alpha_ > 0 && std::isfinite(alpha_))) reject("alpha: expected a number above 0, received ", alpha_);
  }

 protected:
  ops::Mixed mix(const Tensor& images, const Tensor& labels) override {
    return ops::mix_up(images, labels, alpha_, channels_first(), generator());
  }

 private:
  double alpha_;
};

class CutMix final : public MixingLayer {
 public:
  explicit CutMix(const io::Json& config) : MixingLayer(config), alpha_(interval("factor", share, Single::from_zero)) {}

 protected:
  ops::Mixed mix(const Tensor& images, const Tensor& labels) override {
    return ops::cut_mix(images, labels, alpha_, channels_first(), generator());
  }

 private:
  Interval alpha_;
};

}  // namespace

Family image_mixing_layers() {
  return {layer_class<RandAugment>("RandAugment"), layer_class<AugMix>("AugMix"), layer_class<MixUp>("MixUp"),
          layer_class<CutMix>("CutMix")};
}

}  // namespace ranvier::nn
