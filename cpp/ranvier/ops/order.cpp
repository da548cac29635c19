#include "ranvier/ops/order.h"

#include <limits>

#include "ranvier/kernels/order.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::ops {

Tensor cumsum(const Tensor& x, Index axis) {
  if (x.dtype() == DType::boolean) return cumsum(cast(x, DType::int32), axis);
  const detail::Split split = detail::split_at(x.shape(), normalize_axis(axis, x.rank(), "cumsum"));
  Tensor y = empty(x.shape(), x.dtype());
  dispatch_numeric(x.dtype(), "cumsum", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([split, from = static_cast<const T*>(x.data<T>()), to = y.data<T>()] {
      kernels::cumulative_sum<T>(split.outer, split.length, split.inner, false, from, to, false);
    });
  });
  // dx[i] = Σ dy[j] over j >= i
  return attach("cumsum", y, {&x}, [split](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      exec([split, from = static_cast<const T*>(dy.data<T>()), dx = to.sink<T>(0)] {
        kernels::cumulative_sum<T>(split.outer, split.length, split.inner, true, from, dx.data, dx.accumulate);
      });
    });
  });
}

std::pair<Tensor, Tensor> top_k(const Tensor& x, Index k) {
  check(x.rank() >= 1, "top_k: expected at least one axis, received a scalar");
  check(x.dtype() != DType::boolean, "top_k: expected numbers, received bools");
  const Index n = x.shape().back();
  check(k >= 1 && k <= n && n <= std::numeric_limits<std::int32_t>::max(), "top_k: expected k from 1 to ", n,
        ", the size of the last axis, received ", k);
  Shape shape = x.shape();
  shape[shape.rank() - 1] = k;
  const Index rows = x.shape().numel(0, x.rank() - 1);
  Tensor values = empty(shape, x.dtype());
  const Tensor positions = empty(shape, DType::int32);
  dispatch_numeric(x.dtype(), "top_k", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([=, from = static_cast<const T*>(x.data<T>()), to = values.data<T>(), at = positions.data<std::int32_t>()] {
      kernels::top_k<T>(rows, n, k, from, to, at);
    });
  });
  values = attach("top_k", values, {&x}, [=](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      detail::clear(dx, rows * n);
      exec([=, g = static_cast<const T*>(dy.data<T>()),
            at = static_cast<const std::int32_t*>(positions.data<std::int32_t>()),
            data = dx.data] { kernels::top_k_backward<T>(rows, n, k, at, g, data); });
    });
  });
  return {values, positions};
}

}  // namespace ranvier::ops
