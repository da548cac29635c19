#include "ranvier/nn/families.h"
#include "ranvier/nn/random_layer.h"

namespace ranvier::nn {
namespace {

/// A layer that is the identity outside training.
class Noise : public RandomLayer {
 public:
  using RandomLayer::RandomLayer;
  bool supports_masking() const override { return true; }

 protected:
  virtual Tensor disturb(const Tensor& x, Generator& generator) = 0;
  Tensor call(const Tensor& x, Context& context) override { return context.training ? disturb(x, generator()) : x; }
  double rate_from(const io::Json& config) const {
    const double rate = config.number("rate");
    if (!(rate >= 0 && rate <= 1)) reject("expected 0 <= rate <= 1, received ", rate);
    return rate;
  }
  /// Config's "noise_shape" for an input of this shape: null entries (and no noise_shape) mean the input's own size.
  Shape noise_shape(const Shape& input) const {
    const io::Json* given = option("noise_shape");
    if (given == nullptr) return {};
    const auto& dims = given->as_array();
    if (static_cast<int>(dims.size()) != input.rank()) {
      reject("expected noise_shape with ", input.rank(), " entries for inputs of shape ", input, ", received ",
             dims.size());
    }
    Shape shape = input;
    for (int i = 0; i < input.rank(); ++i) {
      const io::Json& dim = dims[static_cast<std::size_t>(i)];
      if (!dim.is_null()) shape[i] = dim.as_integer();
    }
    return shape;
  }
};

/// Dropout and AlphaDropout differ in the op only.
template <Tensor (*drop)(const Tensor& x, double rate, const Shape& noise_shape, Generator& generator)>
class ElementDropout final : public Noise {
 public:
  explicit ElementDropout(const io::Json& config) : Noise(config), rate_(rate_from(config)) {}

 protected:
  Tensor disturb(const Tensor& x, Generator& generator) override {
    return rate_ == 0 ? x : drop(x, rate_, noise_shape(x.shape()), generator);
  }

 private:
  double rate_;
};

class GaussianDropout final : public Noise {
 public:
  explicit GaussianDropout(const io::Json& config) : Noise(config), rate_(rate_from(config)) {
    if (rate_ == 1) reject("expected rate < 1, received 1");
  }

 protected:
  Tensor disturb(const Tensor& x, Generator& generator) override {
    return rate_ == 0 ? x : ops::gaussian_dropout(x, rate_, generator);
  }

 private:
  double rate_;
};

class GaussianNoise final : public Noise {
 public:
  explicit GaussianNoise(const io::Json& config) : Noise(config), stddev_(config.number("stddev")) {
    if (!(stddev_ >= 0)) reject("expected stddev >= 0, received ", stddev_);
  }

 protected:
  Tensor disturb(const Tensor& x, Generator& generator) override {
    return stddev_ == 0 ? x : ops::gaussian_noise(x, stddev_, generator);
  }

 private:
  double stddev_;
};

}  // namespace

Family noise_layers() {
  return {layer_class<ElementDropout<ops::dropout>>("Dropout"),
          layer_class<ElementDropout<ops::alpha_dropout>>("AlphaDropout"),
          layer_class<GaussianDropout>("GaussianDropout"), layer_class<GaussianNoise>("GaussianNoise")};
}

}  // namespace ranvier::nn
