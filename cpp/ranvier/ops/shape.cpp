#include "ranvier/ops/shape.h"

#include <algorithm>
#include <array>

#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/strided.h"

namespace ranvier::ops {

using detail::Strides;

namespace {

// The same elements under another shape: the gradient goes on as it is.
Tensor with_shape(const char* name, const Tensor& x, const Shape& shape) {
  Tensor y = view(x, shape);
  if (!wants_grad({&x})) return y;
  return attach(name, y, {&x}, [](const Tensor& dy, Grads& to) { to.pass(0, dy); });
}

}  // namespace

Tensor reshape(const Tensor& x, const std::vector<Index>& shape) {
  Shape out(std::span(shape.data(), shape.size()));
  int open = -1;
  Index known = 1;
  for (int i = 0; i < out.rank(); ++i) {
    check(out[i] >= -1, "reshape: expected sizes >= 0 or one -1, received ", out[i], " on axis ", i);
    check(out[i] != -1 || open == -1, "reshape: expected at most one -1, received more");
    if (out[i] == -1) {
      open = i;
    } else if (__builtin_mul_overflow(known, out[i], &known)) {
      fail("reshape: cannot shape the ", x.numel(), " elements of ", x.shape(), " into ", out);
    }
  }
  if (open >= 0) {
    check(known > 0 && x.numel() % known == 0, "reshape: cannot shape the ", x.numel(), " elements of ", x.shape(),
          " into ", out);
    out[open] = x.numel() / known;
  }
  return with_shape("reshape", x, out);
}

Tensor weight_as(const Tensor& weight, const Shape& shape) {
  Tensor y = view(weight, shape);
  y.impl()->node = weight.impl()->node;
  return y;
}

Tensor expand_dims(const Tensor& x, Index axis) {
  const int at = normalize_axis(axis, x.rank() + 1, "expand_dims");
  Shape shape = x.shape().slice(0, at);
  shape.push_back(1);
  for (int i = at; i < x.rank(); ++i) shape.push_back(x.dim(i));
  return with_shape("expand_dims", x, shape);
}

Tensor squeeze(const Tensor& x, const std::vector<Index>& axes) {
  std::array<bool, max_rank> removed{};
  for (int i = 0; i < x.rank(); ++i) removed[static_cast<std::size_t>(i)] = axes.empty() && x.dim(i) == 1;
  for (Index axis : axes) {
    const int i = normalize_axis(axis, x.rank(), "squeeze");
    check(x.dim(i) == 1, "squeeze: expected size 1 on axis ", axis, ", received shape ", x.shape());
    removed[static_cast<std::size_t>(i)] = true;
  }
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (!removed[static_cast<std::size_t>(i)]) shape.push_back(x.dim(i));
  }
  return with_shape("squeeze", x, shape);
}

Tensor transpose(const Tensor& x, const std::vector<Index>& axes) {
  const int rank = x.rank();
  check(axes.empty() || static_cast<int>(axes.size()) == rank, "transpose: expected ", rank, " axes for shape ",
        x.shape(), ", received ", axes.size());
  const Strides from = strides_of(x.shape());
  Shape shape;
  Strides src{};
  std::array<bool, max_rank> seen{};
  bool moves = false;
  int last = -1;
  for (int i = 0; i < rank; ++i) {
    const int axis = axes.empty() ? rank - 1 - i : normalize_axis(axes[static_cast<std::size_t>(i)], rank, "transpose");
    const auto a = static_cast<std::size_t>(axis);
    check(!seen[a], "transpose: axis ", axis, " appears twice");
    seen[a] = true;
    shape.push_back(x.dim(axis));
    src[static_cast<std::size_t>(i)] = from[a];
    if (x.dim(axis) == 1) continue;
    moves = moves || axis < last;
    last = axis;
  }
  if (!moves) return with_shape("transpose", x, shape);  // only axes of size 1 change places
  Tensor y = empty(shape, x.dtype());
  const detail::Walk there = detail::walk(shape, src, strides_of(shape));
  detail::copy_walk(there, x, y);
  if (!wants_grad({&x})) return y;
  return attach("transpose", y, {&x}, detail::copy_back(detail::reversed(shape, there)));
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check(x.rank() <= shape.rank() && broadcast_shapes(x.shape(), shape, "broadcast_to") == shape, "broadcast_to: shape ",
        x.shape(), " cannot be repeated to ", shape);
  (void)checked_bytes(shape, size_of(x.dtype()));
  if (x.numel() == shape.numel()) return with_shape("broadcast_to", x, shape);
  const Strides from = strides_of(x.shape());
  const int shift = shape.rank() - x.rank();
  Strides src{};
  for (int i = shift; i < shape.rank(); ++i) {
    src[static_cast<std::size_t>(i)] = x.dim(i - shift) == 1 ? 0 : from[static_cast<std::size_t>(i - shift)];
  }
  Tensor y = empty(shape, x.dtype());
  detail::copy_walk(detail::walk(shape, src, strides_of(shape)), x, y);
  if (!wants_grad({&x})) return y;
  // dx = Σ dy over the repeated axes
  return attach("broadcast_to", y, {&x},
                [own = x.shape()](const Tensor& dy, Grads& to) { detail::send_reduced(to, 0, dy, own); });
}

Tensor repeat(const Tensor& x, Index n, Index axis) {
  check(n >= 0, "repeat: expected n >= 0, received ", n);
  const Tensor wide = expand_dims(x, axis);
  Shape shape = wide.shape();
  shape[normalize_axis(axis, wide.rank(), "repeat")] = n;
  return broadcast_to(wide, shape);
}

namespace {

DType common_dtype(const char* name, const std::vector<Tensor>& xs) {
  check(!xs.empty(), name, ": expected at least one tensor, received an empty list");
  DType dtype = xs.front().dtype();
  for (const Tensor& x : xs) dtype = promote(dtype, x.dtype());
  return dtype;
}

}  // namespace

Tensor concatenate(const std::vector<Tensor>& xs, Index axis) {
  const DType dtype = common_dtype("concatenate", xs);
  Shape shape = xs.front().shape();
  const int at = normalize_axis(axis, shape.rank(), "concatenate");
  std::vector<Tensor> parts;
  std::vector<Index> lengths;  // of every part, in elements, per row before `axis`
  parts.reserve(xs.size());
  shape[at] = 0;
  for (const Tensor& x : xs) {
    Shape other = x.shape();
    check(other.rank() == shape.rank(), "concatenate: expected tensors of the same rank, received shapes ",
          xs.front().shape(), " and ", x.shape());
    const Index size = other[at];
    other[at] = shape[at];
    check(other == shape, "concatenate: expected equal sizes on all axes but ", axis, ", received shapes ",
          xs.front().shape(), " and ", x.shape());
    shape[at] += size;
    parts.push_back(cast(x, dtype));
    lengths.push_back(x.shape().numel(at, x.rank()));
  }

  Tensor y = empty(shape, dtype);
  const Index outer = shape.numel(0, at);
  const Index row = shape.numel(at, shape.rank());
  Index start = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    detail::copy_walk(detail::walk({outer, lengths[i]}, {lengths[i], 1}, {row, 1}, 0, start), parts[i], y);
    start += lengths[i];
  }
  // every part gets its piece of dy; pieces that lie together in memory are passed on without a copy
  return attach("concatenate", y, parts, [outer, row, lengths](const Tensor& dy, Grads& to) {
    const Tensor flat = view(dy, {outer * row});
    Index from = 0;
    for (std::size_t i = 0; i < lengths.size(); from += lengths[i], ++i) {
      const int input = static_cast<int>(i);
      if (outer == 1) {
        to.pass(input, rows(flat, from, lengths[i]));
        continue;
      }
      dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
        using T = typename decltype(tag)::type;
        if (const auto dx = to.sink<T>(input)) {
          detail::copy_walk(detail::walk({outer, lengths[i]}, {row, 1}, {lengths[i], 1}, from, 0),
                            static_cast<const T*>(dy.data<T>()), dx.data, dx.accumulate);
        }
      });
    }
  });
}

Tensor stack(const std::vector<Tensor>& xs, Index axis) {
  check(!xs.empty(), "stack: expected at least one tensor, received an empty list");
  std::vector<Tensor> wide;
  wide.reserve(xs.size());
  for (const Tensor& x : xs) {
    check(x.shape() == xs.front().shape(), "stack: expected tensors of the same shape, received ", xs.front().shape(),
          " and ", x.shape());
    wide.push_back(expand_dims(x, axis));
  }
  return concatenate(wide, axis);
}

}  // namespace ranvier::ops
