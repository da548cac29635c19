// Elements picked by integer positions, and positions made from nothing: gather, one_hot, arange.
#include <algorithm>
#include <cmath>

#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::Split;

namespace {

Tensor as_int64(const char* name, const Tensor& indices) {
  check<TypeError>(!is_floating(indices.dtype()), name, ": expected integer indices, received ",
                   name_of(indices.dtype()), "; cast them to int64 first");
  return cast(indices, DType::int64);
}

// Indices counted from the front, and never outside: a recorded step meets new ones without the check below.
Tensor wrapped(const Tensor& indices, Index length) {
  Tensor y = empty(indices.shape(), DType::int64);
  exec([n = y.numel(), length, from = indices.data<std::int64_t>(), to = y.data<std::int64_t>()] {
    for (Index i = 0; i < n; ++i) to[i] = std::clamp<Index>(from[i] < 0 ? from[i] + length : from[i], 0, length - 1);
  });
  return y;
}

void check_range(const Tensor& indices, Index length, Index axis) {
  if (Program::recording() != nullptr) return;
  const auto* data = indices.data<std::int64_t>();
  for (Index i = 0; i < indices.numel(); ++i) {
    check(data[i] >= -length && data[i] < length, "gather: expected indices in [", -length, ", ", length, ") on axis ",
          axis, ", received ", data[i], " at position ", i);
  }
}

}  // namespace

Tensor gather(const Tensor& x, const Tensor& given, Index axis) {
  const int at = normalize_axis(axis, x.rank(), "gather");
  const Tensor indices = as_int64("gather", given);
  const Split split = detail::split_at(x.shape(), at);
  check(split.length > 0 || indices.numel() == 0, "gather: expected elements on axis ", axis, ", received shape ",
        x.shape());
  check_range(indices, split.length, axis);
  Shape shape = x.shape().slice(0, at);
  for (Index dim : indices.shape()) shape.push_back(dim);
  for (int i = at + 1; i < x.rank(); ++i) shape.push_back(x.dim(i));

  Tensor y = empty(shape, x.dtype());
  if (y.numel() == 0 && !wants_grad({&x})) return y;
  const Tensor picked = wrapped(indices, split.length);
  const Index n = picked.numel();
  dispatch_any(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([split, n, index = static_cast<const std::int64_t*>(picked.data<std::int64_t>()), from = x.data<T>(),
          to = y.data<T>()] {
      for (Index o = 0; o < split.outer; ++o) {
        kernels::gather_rows<T>(n, split.inner, index, from + o * split.length * split.inner, to + o * n * split.inner);
      }
    });
  });
  if (!wants_grad({&x})) return y;
  // dx[index[i]] = Σ dy[i] over the places the row was picked for
  return attach("gather", y, {&x}, [split, n, picked, whole = x.numel()](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      detail::clear(dx, whole);
      exec([split, n, index = static_cast<const std::int64_t*>(picked.data<std::int64_t>()), g = dy.data<T>(),
            data = dx.data] {
        for (Index o = 0; o < split.outer; ++o) {
          kernels::scatter_add_rows<T>(n, split.length, split.inner, index, g + o * n * split.inner,
                                       data + o * split.length * split.inner);
        }
      });
    });
  });
}

Tensor one_hot(const Tensor& given, Index classes, DType dtype) {
  check(classes > 0, "one_hot: expected classes >= 1, received ", classes);
  if (dtype == DType::boolean) return cast(one_hot(given, classes, DType::int32), dtype);
  const Tensor indices = cast(stop_gradient(given), DType::int64);
  Shape shape = indices.shape();
  shape.push_back(classes);
  Tensor y = empty(shape, dtype);
  dispatch_numeric(dtype, "one_hot", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([n = indices.numel(), classes, index = static_cast<const std::int64_t*>(indices.data<std::int64_t>()),
          to = y.data<T>()] { kernels::one_hot<T>(n, classes, index, T{1}, T{0}, to); });
  });
  return y;
}

Tensor arange(double start, double stop, double step, DType dtype) {
  check(step != 0 && std::isfinite(start) && std::isfinite(stop) && std::isfinite(step),
        "arange: expected finite numbers and a step other than 0, received start ", start, ", stop ", stop, ", step ",
        step);
  const double count = std::ceil((stop - start) / step);
  check(count < 9e15, "arange: ", count, " elements are more than memory can hold");
  Tensor y = empty({count > 0 ? static_cast<Index>(count) : 0}, dtype);
  dispatch_numeric(dtype, "arange", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([n = y.numel(), start, step, to = y.data<T>()] {
      for (Index i = 0; i < n; ++i) to[i] = static_cast<T>(start + static_cast<double>(i) * step);
    });
  });
  return y;
}

}  // namespace ranvier::ops
