// Layers that make one tensor out of several.
#include <algorithm>
#include <array>

#include "ranvier/nn/families.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

std::string listed(const Shapes& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : " and ") + to_string(shape);
  return text;
}

/// Size of an axis on which two sizes meet, -1 being unknown; -2 when they do not fit.
Index met(Index a, Index b) { return a == b || b == -1 ? a : a == -1 ? b : -2; }

class Merging : public MultiLayer {
 public:
  using MultiLayer::MultiLayer;
  bool takes_list() const override { return true; }
  bool supports_masking() const override { return true; }
  /// A step counts when it does in one of the inputs; without a mask in one of them every step does.
  Tensors masks_for(const Tensors& xs, const Tensors& ys) const override { return {joined_mask(xs, ys.front())}; }
  Shapes output_shapes(const Shapes& inputs) const override {
    const bool batched = std::all_of(inputs.begin(), inputs.end(), [](const Shape& s) { return s.rank() > 0; });
    if (!batched) reject("expected inputs with a batch axis, received shapes ", listed(inputs));
    return {merged(inputs)};
  }

 protected:
  virtual Shape merged(const Shapes& inputs) const = 0;
  virtual Tensor merge(const Tensors& xs) const = 0;
  virtual Tensor joined_mask(const Tensors& xs, const Tensor& /*y*/) const {
    Tensors masks;
    for (const Tensor& x : xs) {
      if (!x.has_mask()) return {};
      masks.push_back(x.mask());
    }
    return any_of(masks);
  }
  static Tensor any_of(const Tensors& masks) {
    Tensor all = masks.front();
    for (std::size_t i = 1; i < masks.size(); ++i) {
      const Shape shape = broadcast_shapes(all.shape(), masks[i].shape(), "mask");
      all = ops::any(ops::stack({ops::broadcast_to(all, shape), ops::broadcast_to(masks[i], shape)}, 0), {0});
    }
    return all;
  }
  void make_all_parameters(const Shapes& inputs) override { (void)output_shapes(inputs); }
  void check_inputs(const Shapes& inputs) const override { (void)output_shapes(inputs); }
  Tensors call_all(const Tensors& xs, Context&) override { return {merge(xs)}; }
  Tensor call(const Tensor& x, Context&) override { return merge({x}); }

  void expect_two(const Shapes& inputs) const {
    if (inputs.size() != 2) reject("expected a list of exactly 2 inputs, received ", inputs.size());
  }
};

/// One operation, element by element. Inputs of fewer axes get axes of size 1 behind the batch; sizes of 1 repeat.
class Elementwise : public Merging {
 public:
  using Merging::Merging;

 protected:
  Shape merged(const Shapes& inputs) const override {
    Shape out = inputs.front();
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const Shape& a = out.rank() >= inputs[i].rank() ? out : inputs[i];
      const Shape& b = out.rank() >= inputs[i].rank() ? inputs[i] : out;
      Shape both = a;
      both[0] = met(a[0], b[0]);
      const int shift = a.rank() - b.rank();
      for (int axis = 1; axis < b.rank(); ++axis) {
        Index& size = both[axis + shift];
        size = size == 1 ? b[axis] : b[axis] == 1 ? size : met(size, b[axis]);
      }
      if (both[0] == -2) reject("expected inputs of the same batch size, received shapes ", listed(inputs));
      if (std::find(both.begin(), both.end(), -2) != both.end()) {
        reject("expected inputs whose sizes are equal or 1 on every axis, received shapes ", listed(inputs));
      }
      out = both;
    }
    return out;
  }

  /// The inputs as tensors of one rank.
  static Tensors aligned(const Tensors& xs) {
    int rank = 0;
    for (const Tensor& x : xs) rank = std::max(rank, x.rank());
    Tensors all;
    all.reserve(xs.size());
    for (const Tensor& x : xs) {
      if (x.rank() == rank) {
        all.push_back(x);
        continue;
      }
      std::vector<Index> shape(static_cast<std::size_t>(1 + rank - x.rank()), 1);
      shape[0] = x.dim(0);
      shape.insert(shape.end(), x.shape().begin() + 1, x.shape().end());
      all.push_back(ops::reshape(x, shape));
    }
    return all;
  }

  static Tensor folded(ops::Binary op, const Tensors& xs) {
    const Tensors all = aligned(xs);
    Tensor y = all.front();
    for (std::size_t i = 1; i < all.size(); ++i) y = ops::binary(op, y, all[i]);
    return y;
  }

  /// scale·Σ: in one pass when the inputs have one shape.
  static Tensor sum(const Tensors& xs, double scale) {
    const bool alike = std::all_of(xs.begin(), xs.end(), [&](const Tensor& x) { return x.shape() == xs[0].shape(); });
    if (alike && (xs.size() > 2 || scale != 1)) return ops::sum_of(xs, scale);
    const Tensor total = folded(ops::Binary::add, xs);
    return scale == 1 ? total : ops::sum_of({total}, scale);
  }
};

class Add final : public Elementwise {
 public:
  using Elementwise::Elementwise;

 protected:
  Tensor merge(const Tensors& xs) const override { return sum(xs, 1); }
};

class Average final : public Elementwise {
 public:
  using Elementwise::Elementwise;

 protected:
  Tensor merge(const Tensors& xs) const override { return sum(xs, 1.0 / static_cast<double>(xs.size())); }
};

class Subtract final : public Elementwise {
 public:
  using Elementwise::Elementwise;

 protected:
  Shape merged(const Shapes& inputs) const override {
    expect_two(inputs);
    return Elementwise::merged(inputs);
  }
  Tensor merge(const Tensors& xs) const override { return folded(ops::Binary::subtract, xs); }
};

template <ops::Binary op>
class Folding : public Elementwise {
 public:
  using Elementwise::Elementwise;

 protected:
  Tensor merge(const Tensors& xs) const override { return folded(op, xs); }
};

/// Masked steps count as 1 in the product, and are 0 where no factor counts.
class Multiply final : public Folding<ops::Binary::multiply> {
 public:
  using Folding::Folding;

 protected:
  Tensor merge(const Tensors& xs) const override {
    if (std::none_of(xs.begin(), xs.end(), [](const Tensor& x) { return x.has_mask(); })) return Folding::merge(xs);
    const auto number = [&](double value) { return full({}, value, xs[0].dtype()); };
    Tensors factors;
    for (const Tensor& x : xs) {
      factors.push_back(x.has_mask() ? ops::where(ops::expand_dims(x.mask(), -1), x, number(1)) : x);
    }
    const Tensor y = Folding::merge(factors);
    const Tensor mask = joined_mask(xs, y);
    return mask.defined() ? ops::where(ops::expand_dims(mask, -1), y, number(0)) : y;
  }
};

/// The largest or the smallest. Where a step is masked in one input, it is that of the others.
template <ops::Binary op>
class Extremum final : public Folding<op> {
 public:
  using Folding<op>::Folding;

 protected:
  Tensor merge(const Tensors& xs) const override {
    const bool masked = std::any_of(xs.begin(), xs.end(), [](const Tensor& x) { return x.has_mask(); });
    const bool alike = std::all_of(xs.begin(), xs.end(), [&](const Tensor& x) { return x.rank() == xs[0].rank(); });
    if (!masked || !alike) return this->folded(op, xs);
    const auto steps_of = [](const Tensor& x) { return x.has_mask() ? ops::expand_dims(x.mask(), -1) : Tensor(); };
    Tensor y = xs.front();
    Tensor steps = steps_of(y);  // where y has come from a step that counts; undefined: everywhere
    for (std::size_t i = 1; i < xs.size(); ++i) {
      const Tensor own = steps_of(xs[i]);
      const Tensor x = own.defined() ? ops::where(own, xs[i], y) : xs[i];
      if (steps.defined()) y = ops::where(steps, y, x);
      steps = steps.defined() && own.defined() ? this->any_of({steps, own}) : Tensor();
      y = ops::binary(op, y, x);
    }
    return y;
  }
};

/// One after the other along `axis`.
class Concatenate final : public Merging {
 public:
  explicit Concatenate(const io::Json& config) : Merging(config), axis_(config.integer("axis", -1)) {}
  /// Pieces of sequences cannot be put behind each other.
  bool streams() const override { return axis_ == -1; }

 protected:
  // Along time the masks follow each other; along features a step counts when one of its parts does. A part without a
  // mask counts everywhere.
  Tensor joined_mask(const Tensors& xs, const Tensor& y) const override {
    const auto masked = std::find_if(xs.begin(), xs.end(), [](const Tensor& x) { return x.has_mask(); });
    if (masked == xs.end()) return {};
    const int rank = masked->mask().rank();
    const int at = normalize_axis(axis_, y.rank(), "axis");
    Tensors parts;
    for (const Tensor& x : xs) {
      parts.push_back(x.has_mask() ? x.mask() : full(x.shape().slice(0, rank), 1, DType::boolean));
    }
    return at < rank ? ops::concatenate(parts, at) : any_of(parts);
  }
  Shape merged(const Shapes& inputs) const override {
    Shape out = inputs.front();
    const int at = normalize_axis(axis_, out.rank(), "axis");
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const Shape& other = inputs[i];
      bool fits = other.rank() == out.rank();
      for (int axis = 0; fits && axis < out.rank(); ++axis) {
        if (axis == at) {
          const bool known = out[axis] >= 0 && other[axis] >= 0;
          if (!known) {
            out[axis] = -1;
          } else if (__builtin_add_overflow(out[axis], other[axis], &out[axis])) {
            reject("expected sizes that memory can address, received shapes ", listed(inputs));
          }
        } else {
          out[axis] = met(out[axis], other[axis]);
          fits = out[axis] != -2;
        }
      }
      if (!fits) {
        reject("expected inputs of the same shape on all axes but axis ", axis_, ", received shapes ", listed(inputs));
      }
    }
    return out;
  }
  Tensor merge(const Tensors& xs) const override { return xs.size() == 1 ? xs[0] : ops::concatenate(xs, axis_); }

 private:
  Index axis_;
};

/// Σ over one axis of each of two inputs, sample by sample: (batch, …, n, …) and (batch, …, n, …) to (batch, … , …).
class Dot final : public Merging {
 public:
  explicit Dot(const io::Json& config) : Merging(config), normalize_(config.flag("normalize", false)) {
    const io::Json& axes = config.at("axes");
    const bool two = axes.is_array() && axes.size() == 2;
    if (!axes.is_integer() && !two) reject("expected axes as one integer or two, received ", axes.describe());
    axes_ = two ? std::array{axes.at(0).as_integer(), axes.at(1).as_integer()}
                : std::array{axes.as_integer(), axes.as_integer()};
    if (axes_[0] == 0 || axes_[1] == 0) reject("expected axes other than 0, the batch, received axes=", axes.dump());
  }
  bool streams() const override { return false; }

 protected:
  Tensor joined_mask(const Tensors& /*xs*/, const Tensor& /*y*/) const override { return {}; }
  Shape merged(const Shapes& inputs) const override {
    expect_two(inputs);
    const auto [a, b] = axes_for(inputs[0], inputs[1]);
    const Index batch = met(inputs[0][0], inputs[1][0]);
    if (batch == -2) reject("expected inputs of the same batch size, received shapes ", listed(inputs));
    if (met(inputs[0][a], inputs[1][b]) == -2) {
      reject("expected the same size on axis ", a, " of the first and axis ", b,
             " of the second input, received shapes ", listed(inputs));
    }
    Shape out = inputs[0].without(a);
    out[0] = batch;
    for (int axis = 1; axis < inputs[1].rank(); ++axis) {
      if (axis != b) out.push_back(inputs[1][axis]);
    }
    if (out.rank() == 1) out.push_back(1);
    return out;
  }

  Tensor merge(const Tensors& xs) const override {
    const auto [a, b] = axes_for(xs[0].shape(), xs[1].shape());
    const Shape out = merged({xs[0].shape(), xs[1].shape()});
    const Tensor left = with_axis_last(normalize_ ? unit(xs[0], a) : xs[0], a);   // (batch, m, n)
    const Tensor right = with_axis_last(normalize_ ? unit(xs[1], b) : xs[1], b);  // (batch, k, n)
    return ops::reshape(ops::matmul(left, right, false, true), {out.begin(), out.end()});
  }

 private:
  std::pair<int, int> axes_for(const Shape& first, const Shape& second) const {
    if (first.rank() < 2 || second.rank() < 2) {
      reject("expected inputs of rank 2 or more, received shapes ", to_string(first), " and ", to_string(second));
    }
    const int a = normalize_axis(axes_[0], first.rank(), "axes");
    const int b = normalize_axis(axes_[1], second.rank(), "axes");
    if (a == 0 || b == 0) {
      reject("expected axes other than 0, the batch, received axes (", axes_[0], ", ", axes_[1], ") for shapes ",
             to_string(first), " and ", to_string(second));
    }
    return {a, b};
  }

  // (batch, others…, n) as (batch, Π others, n)
  static Tensor with_axis_last(const Tensor& x, int axis) {
    std::vector<Index> order;
    for (int i = 0; i < x.rank(); ++i) {
      if (i != axis) order.push_back(i);
    }
    order.push_back(axis);
    const Index others = x.dim(axis) == 0 || x.dim(0) == 0 ? x.shape().without(axis).numel(1, x.rank() - 1)
                                                           : x.numel() / (x.dim(0) * x.dim(axis));
    return ops::reshape(ops::transpose(x, order), {x.dim(0), others, x.dim(axis)});
  }

  // x / max(|x|, ε) with Keras's ε = 1e-7
  static Tensor unit(const Tensor& x, int axis) {
    const Tensor squares = ops::sum(ops::multiply(x, x), {axis}, true);
    const Tensor bounded = ops::binary(ops::Binary::maximum, squares, full({}, 1e-14, x.dtype()));
    return ops::divide(x, ops::unary(ops::Unary::sqrt, bounded));
  }

  std::array<Index, 2> axes_{};
  bool normalize_;
};

}  // namespace

Family merging_layers() {
  return {layer_class<Add>("Add"),
          layer_class<Subtract>("Subtract"),
          layer_class<Multiply>("Multiply"),
          layer_class<Average>("Average"),
          layer_class<Extremum<ops::Binary::maximum>>("Maximum"),
          layer_class<Extremum<ops::Binary::minimum>>("Minimum"),
          layer_class<Concatenate>("Concatenate"),
          layer_class<Dot>("Dot")};
}

}  // namespace ranvier::nn
