#include "ranvier/ops/norm.h"

#include "ranvier/kernels/norm.h"
#include "ranvier/ops/norm_detail.h"

namespace ranvier::ops {

using detail::check_param;
using detail::data_or_null;
using detail::keep;
using detail::kept_or_none;
using detail::Split;

namespace {

template <class T>
kernels::ChannelNorm<T> norm_of(const Tensor& mean, const Tensor& variance, double epsilon, const NormParams& params,
                                Ceiling relu) {
  return {mean.data<T>(),
          variance.data<T>(),
          static_cast<T>(epsilon),
          data_or_null<T>(params.gamma),
          data_or_null<T>(params.beta),
          relu.has_value(),
          static_cast<T>(relu.value_or(0))};
}

// y = (x − mean)·rsqrt(variance + ε)·γ + β per channel, then perhaps a ReLU, with its gradient.
Tensor normalize(const char* name, const Tensor& x, const Split& at, double epsilon, const NormParams& params,
                 const Tensor& mean, const Tensor& variance, bool batch_statistics, Ceiling relu) {
  Tensor y = empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([at, norm = norm_of<T>(mean, variance, epsilon, params, relu), from = x.data<T>(), to = y.data<T>()] {
      kernels::channel_normalize<T>(at.outer, at.length, at.inner, norm, from, to);
    });
  });
  if (!wants_grad({&x, &params.gamma, &params.beta})) return y;
  // beta is read again only to see where the ReLU passed
  const NormParams kept{kept_or_none(params.gamma), relu ? kept_or_none(params.beta) : Tensor()};
  return attach(name, y, {&x, &params.gamma, &params.beta},
                [at, epsilon, batch_statistics, relu, x = keep(x), mean, variance, kept](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    const auto dx = to.sink<T>(0);
                    const auto dgamma = to.sink<T>(1);
                    const auto dbeta = to.sink<T>(2);
                    exec([at, norm = norm_of<T>(mean, variance, epsilon, kept, relu), batch_statistics,
                          from = x.data<T>(), g = dy.data<T>(), dx, dgamma, dbeta] {
                      kernels::channel_normalize_backward<T>(at.outer, at.length, at.inner, norm, batch_statistics,
                                                             from, g, dx.data, dx.accumulate, dgamma.data,
                                                             dgamma.accumulate, dbeta.data, dbeta.accumulate);
                    });
                  });
                });
}

struct Channels {
  Split at;
  Shape shape;
};

Channels channels_of(const char* name, const Tensor& x, Index axis, const NormParams& params) {
  const Split at = detail::split_at(x.shape(), normalize_axis(axis, x.rank(), name));
  const Shape shape{at.length};
  check_param(name, "gamma", params.gamma, shape, x.dtype());
  check_param(name, "beta", params.beta, shape, x.dtype());
  return {at, shape};
}

}  // namespace

Tensor batch_norm_train(const Tensor& given, Index axis, double epsilon, const NormParams& params, Moments* statistics,
                        Ceiling relu) {
  const Tensor x = detail::as_floating(given);
  const auto [at, shape] = channels_of("batch_norm", x, axis, params);
  check(x.numel() > 0, "batch_norm: expected at least one value per channel, received shape ", x.shape());
  const Tensor mean = empty(shape, x.dtype());
  const Tensor variance = empty(shape, x.dtype());
  dispatch_floating(x.dtype(), "batch_norm", [&, &split = at](auto tag) {
    using T = typename decltype(tag)::type;
    exec([split, px = x.data<T>(), m = mean.data<T>(), v = variance.data<T>()] {
      kernels::channel_moments<T>(split.outer, split.length, split.inner, px, m, v);
    });
  });
  if (statistics != nullptr) *statistics = {mean, variance};
  return normalize("batch_norm", x, at, epsilon, params, mean, variance, true, relu);
}

void move_average(const Tensor& moving, const Tensor& fresh, double momentum) {
  check_param("move_average", "values", fresh, moving.shape(), moving.dtype());
  dispatch_floating(moving.dtype(), "move_average", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([to = moving.data<T>(), from = fresh.data<T>(), n = moving.numel(), old = static_cast<T>(momentum),
          rest = static_cast<T>(1 - momentum)] {
      for (Index i = 0; i < n; ++i) to[i] = old * to[i] + rest * from[i];
    });
  });
}

Tensor batch_norm_infer(const Tensor& given, Index axis, double epsilon, const NormParams& params,
                        const Moments& moving, Ceiling relu) {
  const Tensor x = detail::as_floating(given);
  const auto [at, shape] = channels_of("batch_norm", x, axis, params);
  check_param("batch_norm", "a mean", moving.mean, shape, x.dtype());
  check_param("batch_norm", "a variance", moving.variance, shape, x.dtype());
  return normalize("batch_norm", x, at, epsilon, params, keep(moving.mean), keep(moving.variance), false, relu);
}

Weights fold_norm(const Weights& weights, double epsilon, const NormParams& params, const Moments& moving) {
  const Shape& shape = moving.mean.shape();
  const DType dtype = weights.kernel.dtype();
  const Index channels = shape.numel();
  check_param("fold_norm", "a mean", moving.mean, shape, dtype);
  check_param("fold_norm", "a bias", weights.bias, shape, dtype);
  check(channels > 0 && weights.kernel.numel() % channels == 0, "fold_norm: expected a kernel for ", channels,
        " channels, received shape ", weights.kernel.shape());
  const Weights folded{empty(weights.kernel.shape(), dtype), empty(shape, dtype)};
  dispatch_floating(dtype, "fold_norm", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([rows = weights.kernel.numel() / channels, channels,
          norm = norm_of<T>(moving.mean, moving.variance, epsilon, params, {}),
          kernel = static_cast<const T*>(weights.kernel.data<T>()), bias = data_or_null<T>(weights.bias),
          to = folded.kernel.data<T>(),
          to_bias = folded.bias.data<T>()] { kernels::fold_norm<T>(rows, channels, norm, kernel, bias, to, to_bias); });
  });
  return folded;
}

Tensor layer_norm(const Tensor& given, int first_axis, double epsilon, const NormParams& params) {
  const Tensor x = detail::as_floating(given);
  const int first = normalize_axis(first_axis, x.rank(), "layer_norm");
  const Shape shape = x.shape().slice(first, x.rank());
  check_param("layer_norm", "gamma", params.gamma, shape, x.dtype());
  check_param("layer_norm", "beta", params.beta, shape, x.dtype());
  const Index count = x.shape().numel(0, first);
  const Index n = shape.numel();
  Tensor y = empty(x.shape(), x.dtype());
  const Tensor mean = empty({count}, x.dtype());
  const Tensor rstd = empty({count}, x.dtype());
  // y = (x − mean)·rstd·γ + β for every row, with the row's own mean and rstd = (variance + ε)^(−1/2)
  dispatch_floating(x.dtype(), "layer_norm", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([count, n, eps = static_cast<T>(epsilon), px = x.data<T>(), gamma = data_or_null<T>(params.gamma),
          beta = data_or_null<T>(params.beta), to = y.data<T>(), m = mean.data<T>(),
          r = rstd.data<T>()] { kernels::layer_normalize<T>(count, n, px, eps, gamma, beta, to, m, r); });
  });
  if (!wants_grad({&x, &params.gamma, &params.beta})) return y;
  const Tensor gamma = kept_or_none(params.gamma);
  return attach("layer_norm", y, {&x, &params.gamma, &params.beta},
                [count, n, kept = keep(x), mean, rstd, gamma](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    const auto dx = to.sink<T>(0);
                    const auto dgamma = to.sink<T>(1);
                    const auto dbeta = to.sink<T>(2);
                    exec([count, n, px = kept.data<T>(), m = mean.data<T>(), r = rstd.data<T>(),
                          pg = data_or_null<T>(gamma), g = dy.data<T>(), dx, dgamma, dbeta] {
                      kernels::layer_normalize_backward<T>(count, n, px, m, r, pg, g, dx.data, dx.accumulate,
                                                           dgamma.data, dgamma.accumulate, dbeta.data,
                                                           dbeta.accumulate);
                    });
                  });
                });
}

}  // namespace ranvier::ops
