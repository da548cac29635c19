#include "ranvier/ops/resize.h"

#include <algorithm>

#include "ranvier/kernels/pool.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using kernels::ResizeAxis;

namespace {

// What a kernel needs to resample the axis of a tensor seen as (outer, axis, inner). The tables depend on sizes only, but
// a replay finds their memory reused, so they are made where they are read.
struct Resampling {
  ResizeAxis axis;
  Index outer;
  Index inner;
  Tensor first;
  Tensor weight;
};

Tensor resample(const Tensor& x, int at, Index size, Interpolation method, bool antialias) {
  if (x.dim(at) == size) return x;
  const detail::Split split = detail::split_at(x.shape(), at);
  Shape shape = x.shape();
  shape[at] = size;
  Tensor y = empty(shape, x.dtype());
  if (y.numel() == 0 && x.numel() == 0) return y;
  const ResizeAxis axis{x.dim(at), size, method, antialias};
  const Resampling r{axis, split.outer, split.inner, empty({size}, DType::int64),
                     empty({size, axis.taps()}, x.dtype())};
  dispatch_floating(x.dtype(), "resize", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([axis, outer = r.outer, inner = r.inner, first = r.first.data<Index>(), weight = r.weight.data<T>(),
          from = static_cast<const T*>(x.data<T>()), to = y.data<T>()] {
      kernels::resize_table<T>(axis, first, weight);
      kernels::resize<T>(axis, outer, inner, first, weight, from, to);
    });
  });
  if (!wants_grad({&x})) return y;
  return attach("resize", y, {&x}, [r](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([axis = r.axis, outer = r.outer, inner = r.inner, first = static_cast<const Index*>(r.first.data<Index>()),
            weight = static_cast<const T*>(r.weight.data<T>()), from = static_cast<const T*>(dy.data<T>()),
            dx] { kernels::resize_backward<T>(axis, outer, inner, first, weight, from, dx.data, dx.accumulate); });
    });
  });
}

}  // namespace

Interpolation interpolation_from(const std::string& name) {
  constexpr std::pair<const char*, Interpolation> known[] = {{"nearest", Interpolation::nearest},
                                                             {"bilinear", Interpolation::bilinear},
                                                             {"bicubic", Interpolation::bicubic},
                                                             {"lanczos3", Interpolation::lanczos3},
                                                             {"lanczos5", Interpolation::lanczos5}};
  for (const auto& [text, method] : known) {
    if (name == text) return method;
  }
  fail("interpolation: expected nearest, bilinear, bicubic, lanczos3 or lanczos5, received '", name, "'");
}

Tensor resize(const Tensor& given, const std::vector<Index>& size, Interpolation method, bool antialias) {
  const Tensor x = detail::as_floating(given);
  const int axes = static_cast<int>(size.size());
  check(x.rank() == axes + 2, "resize: expected ", axes + 2, " axes (batch, ", axes,
        " spatial, channels), received shape ", x.shape());
  Shape shape = x.shape();
  for (int i = 0; i < axes; ++i) {
    const Index wanted = size[static_cast<std::size_t>(i)];
    // products of two sizes must stay in range
    check(wanted >= 1 && wanted < Index{1} << 31 && x.dim(i + 1) < Index{1} << 31,
          "resize: expected sizes from 1 to 2^31 - 1, received ", wanted, " for axis ", i + 1, " of shape ", x.shape());
    check(x.dim(i + 1) >= 1, "resize: expected at least one element on axis ", i + 1, ", received shape ", x.shape());
    shape[i + 1] = wanted;
  }
  (void)checked_bytes(shape, size_of(x.dtype()));
  // Axes that shrink most come first, those that grow most last: the tensors between them stay small.
  Tensor y = x;
  while (true) {
    int next = 0;
    double least = 0;
    for (int i = 1; i <= axes; ++i) {
      const double growth = static_cast<double>(shape[i]) / static_cast<double>(y.dim(i));
      if (y.dim(i) == shape[i] || (next != 0 && growth >= least)) continue;
      next = i;
      least = growth;
    }
    if (next == 0) return y;
    y = resample(y, next, shape[next], method, antialias);
  }
}

Tensor upsample_nearest(const Tensor& given, const std::vector<Index>& factors) {
  const Tensor x = detail::as_floating(given);
  const auto axes = factors.size();
  check(axes >= 1 && axes <= 3 && x.rank() == static_cast<int>(axes) + 2, "upsample: expected ", axes + 2,
        " axes (batch, ", axes, " spatial, channels), received shape ", x.shape());
  // It is the transpose of adding up windows that do not overlap.
  kernels::PoolGeometry g{x.dim(0), x.shape().back(), {}};
  Shape shape = x.shape();
  bool same = true;
  for (std::size_t i = 0; i < axes; ++i) {
    const int at = static_cast<int>(i) + 1;
    check(factors[i] >= 1, "upsample: expected sizes >= 1, received ", factors[i]);
    check(!__builtin_mul_overflow(x.dim(at), factors[i], &shape[at]), "upsample: ", factors[i], " times axis ", at,
          " of shape ", x.shape(), " is more than memory can address");
    kernels::PoolAxis& axis = g.axes[3 - axes + i];
    axis.in = shape[at];
    axis.out = x.dim(at);
    axis.window = axis.stride = factors[i];
    same = same && factors[i] == 1;
  }
  if (same) return x;
  Tensor y = empty(shape, x.dtype());
  dispatch_floating(x.dtype(), "upsample", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([g, from = static_cast<const T*>(x.data<T>()), to = y.data<T>()] {
      kernels::sum_pool_backward<T>(g, false, from, to, false);
    });
  });
  if (!wants_grad({&x})) return y;
  return attach("upsample", y, {&x}, [g](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([g, from = static_cast<const T*>(dy.data<T>()), dx] {
        kernels::sum_pool<T>(g, false, from, dx.data, dx.accumulate);
      });
    });
  });
}

Tensor central_part(const Tensor& x, Index height, Index width) {
  const Index h = x.dim(1);
  const Index w = x.dim(2);
  // ⌊a·b/c⌋ as Keras rounds it
  const auto share = [](Index a, Index b, Index c) {
    return static_cast<Index>(static_cast<double>(a) * static_cast<double>(b) / static_cast<double>(c));
  };
  const Index rows = std::clamp<Index>(share(w, height, width), 1, h);
  const Index columns = std::clamp<Index>(share(h, width, height), 1, w);
  const Index top = (h - rows) / 2;
  const Index left = (w - columns) / 2;
  return slice(x, {{}, {top, top + rows}, {left, left + columns}});
}

}  // namespace ranvier::ops
