#include <algorithm>

#include "ranvier/nn/families.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

std::vector<Index> integers(const io::Json& list) {
  std::vector<Index> out;
  for (const io::Json& value : list.as_array()) out.push_back(value.as_integer());
  return out;
}

bool known(const Shape& shape, int first) {
  return std::all_of(shape.begin() + first, shape.end(), [](Index d) { return d >= 0; });
}

std::vector<Index> as_vector(const Shape& shape) { return {shape.begin(), shape.end()}; }

/// (batch, a, b, …) to (batch, a·b·…).
class Flatten final : public Layer {
 public:
  explicit Flatten(const io::Json& config)
      : Layer(config), channels_first_(config.text("data_format", "channels_last") == "channels_first") {}
  Shape output_shape(const Shape& input) const override {
    if (input.rank() == 1) return {input[0], 1};
    return {input[0], known(input, 1) ? input.numel(1, input.rank()) : -1};
  }

 protected:
  Tensor call(const Tensor& x, Context&) override {
    if (x.rank() < 1) reject("expected an input with a batch axis, received a scalar");
    Tensor y = x;
    if (channels_first_ && x.rank() > 2) {
      std::vector<Index> axes{0};
      for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
      axes.push_back(1);
      y = ops::transpose(x, axes);
    }
    return ops::reshape(y, as_vector(output_shape(x.shape())));
  }

 private:
  bool channels_first_;
};

/// To target_shape per sample; one entry may be -1.
class Reshape final : public Layer {
 public:
  explicit Reshape(const io::Json& config) : Layer(config), target_(integers(config.at("target_shape"))) {
    if (std::count(target_.begin(), target_.end(), -1) > 1) reject("expected at most one -1 in target_shape");
  }
  Shape output_shape(const Shape& input) const override {
    Shape out{input[0]};
    Index rest = 1;
    for (const Index d : target_) {
      if (d != -1 && __builtin_mul_overflow(rest, d, &rest)) {
        reject("expected a target_shape that memory can address, received ", Shape(std::span<const Index>(target_)));
      }
    }
    const bool sized = known(input, 1);
    const Index n = sized ? input.numel(1, input.rank()) : -1;
    for (const Index d : target_) out.push_back(d != -1 ? d : sized && rest > 0 ? n / rest : -1);
    if (sized && out.numel(1, out.rank()) != n) {
      reject("expected a target_shape with ", n, " elements for inputs of shape ", input, ", received ",
             Shape(std::span<const Index>(target_)));
    }
    return out;
  }

 protected:
  Tensor call(const Tensor& x, Context&) override { return ops::reshape(x, as_vector(output_shape(x.shape()))); }

 private:
  std::vector<Index> target_;
};

/// Permutes the axes of a sample; dims count from 1, the batch stays in front.
class Permute final : public Layer {
 public:
  explicit Permute(const io::Json& config) : Layer(config), dims_(integers(config.at("dims"))) {
    std::vector<Index> sorted = dims_;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (sorted[i] != static_cast<Index>(i) + 1) {
        reject("expected dims to be a permutation of 1..", dims_.size(), ", received ",
               Shape(std::span<const Index>(dims_)));
      }
    }
  }
  Shape output_shape(const Shape& input) const override {
    if (input.rank() != static_cast<int>(dims_.size()) + 1) {
      reject("expected an input of rank ", dims_.size() + 1, ", received shape ", input);
    }
    Shape out{input[0]};
    for (const Index d : dims_) out.push_back(input[static_cast<int>(d)]);
    return out;
  }

 protected:
  Tensor call(const Tensor& x, Context&) override {
    (void)output_shape(x.shape());
    std::vector<Index> axes{0};
    axes.insert(axes.end(), dims_.begin(), dims_.end());
    return ops::transpose(x, axes);
  }

 private:
  std::vector<Index> dims_;
};

/// (batch, features) to (batch, n, features).
class RepeatVector final : public Layer {
 public:
  explicit RepeatVector(const io::Json& config) : Layer(config), n_(config.integer("n")) {
    if (n_ < 1) reject("expected n >= 1, received ", n_);
  }
  Shape output_shape(const Shape& input) const override {
    if (input.rank() != 2) reject("expected an input of rank 2 (batch, features), received shape ", input);
    return {input[0], n_, input[1]};
  }

 protected:
  Tensor call(const Tensor& x, Context&) override {
    (void)output_shape(x.shape());
    return ops::repeat(x, n_, 1);
  }

 private:
  Index n_;
};

class Identity final : public Layer {
 public:
  explicit Identity(const io::Json& config) : Layer(config) {}
  bool supports_masking() const override { return true; }

 protected:
  Tensor call(const Tensor& x, Context&) override { return x; }
};

}  // namespace

Family reshaping_layers() {
  return {layer_class<Flatten>("Flatten"), layer_class<Reshape>("Reshape"), layer_class<Permute>("Permute"),
          layer_class<RepeatVector>("RepeatVector"), layer_class<Identity>("Identity")};
}

}  // namespace ranvier::nn
