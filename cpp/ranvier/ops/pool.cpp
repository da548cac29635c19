#include "ranvier/ops/pool.h"

#include "ranvier/kernels/pool.h"
#include "ranvier/ops/detail.h"

namespace ranvier::ops {

using kernels::PoolAxis;
using kernels::PoolGeometry;

namespace {

// Sizes beyond this could overflow in sums of a few; no tensor that holds anything is that long.
constexpr Index longest = Index{1} << 40;

void check_axes(const char* name, const Shape& x, std::size_t axes) {
  const int expected = static_cast<int>(axes) + 2;
  check(axes >= 1 && axes <= 3, name, ": expected one to three spatial axes, received ", axes);
  const char* hint = x.rank() == expected - 1 ? "; add a batch axis in front or a channel axis behind" : "";
  check(x.rank() == expected, name, ": expected ", expected, " axes (batch, ", axes,
        " spatial, channels), received shape ", x, hint);
  for (const Index size : x) check(size <= longest, name, ": shape ", x, " is more than memory can address");
}

PoolAxis axis_of(const char* name, const Shape& x, const Pooling& pooling, std::size_t i) {
  PoolAxis axis;
  axis.in = x[static_cast<int>(i) + 1];
  axis.window = pooling.size[i];
  axis.stride = pooling.strides[i];
  check(axis.window >= 1 && axis.stride >= 1 && axis.window <= longest && axis.stride <= longest, name,
        ": expected window sizes and strides from 1 to ", longest, ", received ", axis.window, " and ", axis.stride);
  if (axis.in < 0) {
    axis.out = -1;
  } else if (pooling.same) {
    axis.out = (axis.in + axis.stride - 1) / axis.stride;
    axis.before = std::max<Index>((axis.out - 1) * axis.stride + axis.window - axis.in, 0) / 2;
  } else {
    check(axis.window <= axis.in, name, ": expected a window that fits in x, received size ", axis.window, " on axis ",
          i + 1, " of shape ", x, "; make it smaller or pad with padding=\"same\"");
    axis.out = (axis.in - axis.window) / axis.stride + 1;
  }
  return axis;
}

Shape output_of(const Shape& x, const PoolGeometry& g, std::size_t axes) {
  Shape y{x[0]};
  for (std::size_t i = 3 - axes; i < 3; ++i) y.push_back(g.axes[i].out);
  y.push_back(x.back());
  return y;
}

PoolGeometry geometry(const char* name, const Shape& x, const Pooling& pooling) {
  const std::size_t axes = pooling.size.size();
  check_axes(name, x, axes);
  check(pooling.strides.size() == axes, name, ": expected ", axes, " strides, received ", pooling.strides.size());
  PoolGeometry g{x[0], x.back(), {}};
  for (std::size_t i = 0; i < axes; ++i) g.axes[3 - axes + i] = axis_of(name, x, pooling, i);
  return g;
}

PoolGeometry adaptive_geometry(const char* name, const Shape& x, const std::vector<Index>& output_size) {
  const std::size_t axes = output_size.size();
  check_axes(name, x, axes);
  PoolGeometry g{x[0], x.back(), {}};
  for (std::size_t i = 0; i < axes; ++i) {
    PoolAxis& axis = g.axes[3 - axes + i];
    axis.adaptive = true;
    axis.in = x[static_cast<int>(i) + 1];
    axis.out = output_size[i];
    // products of the two must stay in range
    check(axis.out >= 1 && axis.out < Index{1} << 22, name, ": expected output sizes from 1 to ", (Index{1} << 22) - 1,
          ", received ", axis.out);
    check(axis.in != 0, name, ": expected at least one element on axis ", i + 1, ", received shape ", x);
    axis.window = axis.in < 0 ? 1 : (axis.in + axis.out - 1) / axis.out + 1;
  }
  return g;
}

// The gradient of max pooling needs only the place of each winner: one byte for windows of up to 256 elements.
template <class W>
Tensor max_of_windows(const char* name, const Tensor& x, const PoolGeometry& g, const Shape& shape) {
  Tensor y = empty(shape, x.dtype());
  const bool wanted = wants_grad({&x});
  Tensor places;  // dtypes of the engine that are as wide as W
  if (wanted) places = empty(shape, sizeof(W) == 1 ? DType::boolean : DType::int32);
  W* const winner = wanted ? static_cast<W*>(places.raw()) : nullptr;
  dispatch_floating(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([g, from = static_cast<const T*>(x.data<T>()), to = y.data<T>(), winner] {
      kernels::max_pool<T, W>(g, from, to, winner);
    });
  });
  if (!wanted) return y;
  return attach(name, y, {&x}, [g, places](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([g, winner = static_cast<const W*>(places.raw()), from = static_cast<const T*>(dy.data<T>()), dx] {
        kernels::max_pool_backward<T, W>(g, winner, from, dx.data, dx.accumulate);
      });
    });
  });
}

Tensor max_of_windows(const char* name, const Tensor& x, const PoolGeometry& g, std::size_t axes) {
  Index taps = 1;
  for (const PoolAxis& axis : g.axes) {
    check(!__builtin_mul_overflow(taps, axis.window, &taps) && taps < Index{1} << 31, name,
          ": expected a window of less than 2^31 elements, received sizes of ", g.axes[0].window, "·", g.axes[1].window,
          "·", g.axes[2].window);
  }
  const Shape shape = output_of(x.shape(), g, axes);
  return taps <= 256 ? max_of_windows<std::uint8_t>(name, x, g, shape)
                     : max_of_windows<std::uint32_t>(name, x, g, shape);
}

Tensor mean_of_windows(const char* name, const Tensor& x, const PoolGeometry& g, std::size_t axes) {
  Tensor y = empty(output_of(x.shape(), g, axes), x.dtype());
  dispatch_floating(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([g, from = static_cast<const T*>(x.data<T>()), to = y.data<T>()] {
      kernels::sum_pool<T>(g, true, from, to, false);
    });
  });
  if (!wants_grad({&x})) return y;
  return attach(name, y, {&x}, [g](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([g, from = static_cast<const T*>(dy.data<T>()), dx] {
        kernels::sum_pool_backward<T>(g, true, from, dx.data, dx.accumulate);
      });
    });
  });
}

}  // namespace

Shape pooled_shape(const Shape& x, const Pooling& pooling, const char* name) {
  return output_of(x, geometry(name, x, pooling), pooling.size.size());
}

Tensor max_pool(const Tensor& given, const Pooling& pooling) {
  const Tensor x = detail::as_floating(given);
  return max_of_windows("max_pool", x, geometry("max_pool", x.shape(), pooling), pooling.size.size());
}

Tensor average_pool(const Tensor& given, const Pooling& pooling) {
  const Tensor x = detail::as_floating(given);
  return mean_of_windows("average_pool", x, geometry("average_pool", x.shape(), pooling), pooling.size.size());
}

Shape adaptive_shape(const Shape& x, const std::vector<Index>& output_size, const char* name) {
  return output_of(x, adaptive_geometry(name, x, output_size), output_size.size());
}

Tensor adaptive_max_pool(const Tensor& given, const std::vector<Index>& output_size) {
  const Tensor x = detail::as_floating(given);
  return max_of_windows("adaptive_max_pool", x, adaptive_geometry("adaptive_max_pool", x.shape(), output_size),
                        output_size.size());
}

Tensor adaptive_average_pool(const Tensor& given, const std::vector<Index>& output_size) {
  const Tensor x = detail::as_floating(given);
  return mean_of_windows("adaptive_average_pool", x, adaptive_geometry("adaptive_average_pool", x.shape(), output_size),
                         output_size.size());
}

}  // namespace ranvier::ops
