// Normalisation of rows by their size, and of groups of channels.
#include <algorithm>

#include "ranvier/kernels/norm.h"
#include "ranvier/ops/norm.h"
#include "ranvier/ops/norm_detail.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::check_param;
using detail::data_or_null;
using detail::keep;
using detail::kept_or_none;

namespace {

/// kernels::RowScale before the dtype is known.
struct Scale {
  double share;
  double least;
  double epsilon;
  template <class T>
  kernels::RowScale<T> as() const {
    return {static_cast<T>(share), static_cast<T>(least), static_cast<T>(epsilon)};
  }
};

Tensor scale_rows(const char* name, const Tensor& x, Index rows, Index n, const Scale& scale, const Tensor& gamma) {
  const Tensor y = empty(x.shape(), x.dtype());
  const Tensor rstd = empty({rows}, x.dtype());
  dispatch_floating(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([rows, n, from = static_cast<const T*>(x.data<T>()), s = scale.as<T>(), g = data_or_null<T>(gamma),
          to = y.data<T>(), r = rstd.data<T>()] { kernels::scale_rows<T>(rows, n, from, s, g, to, r); });
  });
  if (!wants_grad({&x, &gamma})) return y;
  return attach(name, y, {&x, &gamma},
                [rows, n, scale, x = keep(x), rstd, gamma = kept_or_none(gamma)](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    const auto dx = to.sink<T>(0);
                    const auto dgamma = to.sink<T>(1);
                    exec([rows, n, from = x.data<T>(), s = scale.as<T>(), r = rstd.data<T>(),
                          pg = data_or_null<T>(gamma), g = dy.data<T>(), dx, dgamma] {
                      kernels::scale_rows_backward<T>(rows, n, from, s, r, pg, g, dx.data, dx.accumulate, dgamma.data,
                                                      dgamma.accumulate);
                    });
                  });
                });
}

}  // namespace

Tensor rms_norm(const Tensor& given, int first_axis, double epsilon, const Tensor& gamma) {
  const Tensor x = detail::as_floating(given);
  const int first = normalize_axis(first_axis, x.rank(), "rms_norm");
  const Shape shape = x.shape().slice(first, x.rank());
  check_param("rms_norm", "a scale", gamma, shape, x.dtype());
  const Index n = shape.numel();
  return scale_rows("rms_norm", x, x.shape().numel(0, first), n, {1 / static_cast<double>(n), 0, epsilon}, gamma);
}

Tensor unit_norm(const Tensor& given, int first_axis, double least) {
  const Tensor x = detail::as_floating(given);
  const int first = normalize_axis(first_axis, x.rank(), "unit_norm");
  const Index n = x.shape().numel(first, x.rank());
  return scale_rows("unit_norm", x, x.shape().numel(0, first), n, {1, least * least, 0}, {});
}

Tensor over_axes(const Tensor& x, const std::vector<Index>& axes, const std::function<Tensor(const Tensor&, int)>& f) {
  std::vector<bool> named(static_cast<std::size_t>(x.rank()), false);
  for (const Index axis : axes) {
    const auto at = static_cast<std::size_t>(normalize_axis(axis, x.rank(), "normalisation"));
    check(!named[at], "normalisation: expected different axes, received axis ", axis, " twice");
    named[at] = true;
  }
  check(!axes.empty(), "normalisation: expected at least one axis, received none");
  std::vector<Index> order;
  for (const bool last : {false, true}) {
    for (Index axis = 0; axis < x.rank(); ++axis) {
      if (named[static_cast<std::size_t>(axis)] == last) order.push_back(axis);
    }
  }
  const int first = x.rank() - static_cast<int>(axes.size());
  if (std::is_sorted(order.begin(), order.end())) return f(x, first);
  std::vector<Index> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) back[static_cast<std::size_t>(order[i])] = static_cast<Index>(i);
  return transpose(f(transpose(x, order), first), back);
}

Tensor group_norm(const Tensor& given, Index groups, Index axis, double epsilon, const NormParams& params) {
  const Tensor x = detail::as_floating(given);
  const int at = normalize_axis(axis, x.rank(), "group_norm");
  check(at > 0, "group_norm: expected an axis other than the batch, received axis ", axis, " for shape ", x.shape());
  const Index channels = x.dim(at);
  check(groups > 0 && channels % groups == 0, "group_norm: expected a number of groups that divides ", channels,
        " channels, received ", groups);
  check_param("group_norm", "gamma", params.gamma, {channels}, x.dtype());
  check_param("group_norm", "beta", params.beta, {channels}, x.dtype());
  const kernels::GroupView split{x.dim(0), x.shape().numel(1, at), channels, x.shape().numel(at + 1, x.rank()), groups};
  const Tensor y = empty(x.shape(), x.dtype());
  const Tensor mean = empty({split.batch, channels}, x.dtype());
  const Tensor variance = empty({split.batch, channels}, x.dtype());
  dispatch_floating(x.dtype(), "group_norm", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([split, eps = static_cast<T>(epsilon), from = static_cast<const T*>(x.data<T>()), m = mean.data<T>(),
          v = variance.data<T>(), gamma = data_or_null<T>(params.gamma), beta = data_or_null<T>(params.beta),
          to = y.data<T>()] {
      if (split.batch * split.outer * split.channels * split.inner == 0) return;
      kernels::group_moments<T>(split, from, m, v);
      kernels::group_normalize<T>(split, from, m, v, eps, gamma, beta, to);
    });
  });
  if (!wants_grad({&x, &params.gamma, &params.beta})) return y;
  return attach(
      "group_norm", y, {&x, &params.gamma, &params.beta},
      [split, epsilon, x = keep(x), mean, variance, gamma = kept_or_none(params.gamma)](const Tensor& dy, Grads& to) {
        const Tensor sums = empty({2, split.batch, split.channels}, dy.dtype());
        dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
          using T = typename decltype(tag)::type;
          const auto dx = to.sink<T>(0);
          const auto dgamma = to.sink<T>(1);
          const auto dbeta = to.sink<T>(2);
          exec([split, eps = static_cast<T>(epsilon), from = x.data<T>(), m = mean.data<T>(), v = variance.data<T>(),
                pg = data_or_null<T>(gamma), g = dy.data<T>(), room = sums.data<T>(), dx, dgamma, dbeta] {
            kernels::group_normalize_backward<T>(split, from, m, v, eps, pg, g, room, dx.data, dx.accumulate,
                                                 dgamma.data, dgamma.accumulate, dbeta.data, dbeta.accumulate);
          });
        });
      });
}

}  // namespace ranvier::ops
