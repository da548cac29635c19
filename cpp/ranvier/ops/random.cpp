#include "ranvier/ops/random.h"

#include <cmath>
#include <random>

#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier {

Generator& default_generator() {
  // Never destroyed: programs and other threads may still draw while the process ends.
  static Generator* const generator = [] {
    std::random_device device;
    const std::uint64_t high = device();
    auto* made = new Generator(high << 32 | device());
    made->retain();
    return made;
  }();
  return *generator;
}

void set_random_seed(std::uint64_t seed) { default_generator().set_state(seed, 0); }

namespace ops {
namespace {

void check_rate(const char* name, double rate) {
  check(rate >= 0 && rate < 1, name, ": expected a rate in [0, 1), received ", rate);
}

Tensor scalar(double value, DType dtype) { return full({}, value, dtype); }

// The shape of the decisions: x's own, or given with 1 on the axes that share one.
Shape decisions(const char* name, const Shape& x, const Shape& noise_shape) {
  if (noise_shape.rank() == 0) return x;
  check(broadcast_shapes(x, noise_shape, name) == x, name, ": expected a noise_shape that repeats over ", x,
        ", received ", noise_shape);
  return noise_shape;
}

}  // namespace

Tensor random_uniform(const Shape& shape, double low, double high, DType dtype, Generator& generator) {
  check(low <= high, "random_uniform: expected low <= high, received ", low, " and ", high);
  Tensor y = empty(shape, dtype);
  dispatch_floating(dtype, "random_uniform", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([source = &generator, n = y.numel(), a = static_cast<T>(low), b = static_cast<T>(high), to = y.data<T>()] {
      kernels::random_uniform(source->next(), n, a, b, to);
    });
  });
  return y;
}

Tensor random_normal(const Shape& shape, double mean, double stddev, bool truncated, DType dtype,
                     Generator& generator) {
  check(stddev >= 0, "random_normal: expected stddev >= 0, received ", stddev);
  Tensor y = empty(shape, dtype);
  dispatch_floating(dtype, "random_normal", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([source = &generator, n = y.numel(), m = static_cast<T>(mean), s = static_cast<T>(stddev), truncated,
          to = y.data<T>()] { kernels::random_normal(source->next(), n, m, s, truncated, to); });
  });
  return y;
}

Tensor random_integers(const Shape& shape, Index low, Index high, Generator& generator) {
  check(low < high, "random_integers: expected low < high, received ", low, " and ", high);
  Tensor y = empty(shape, DType::int64);
  exec([source = &generator, n = y.numel(), low, high, to = y.data<std::int64_t>()] {
    kernels::random_integers(source->next(), n, low, high, to);
  });
  return y;
}

Tensor random_permutation(Index n, Generator& generator) {
  Tensor y = empty({n}, DType::int64);
  exec([source = &generator, n, to = y.data<std::int64_t>()] { kernels::random_permutation(source->next(), n, to); });
  return y;
}

Tensor dropout(const Tensor& given, double rate, const Shape& noise_shape, Generator& generator) {
  check(rate >= 0 && rate <= 1, "dropout: expected a rate in [0, 1], received ", rate);
  const Tensor x = detail::as_floating(given);
  const Shape own = decisions("dropout", x.shape(), noise_shape);
  if (rate == 0) return x;
  if (rate == 1) return binary(Binary::multiply, x, scalar(0, x.dtype()));
  if (!(own == x.shape())) {  // shared decisions: the scaled mask itself is made by dropping from ones
    return multiply(x, dropout(full(own, 1, x.dtype()), rate, {}, generator));
  }
  Tensor y = empty(x.shape(), x.dtype());
  const Tensor keep = empty(x.shape(), DType::boolean);
  dispatch_floating(x.dtype(), "dropout", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([source = &generator, n = x.numel(), rate, from = x.data<T>(), to = y.data<T>(), kept = keep.data<bool>()] {
      kernels::dropout(source->next(), n, rate, from, to, kept);
    });
  });
  if (!wants_grad({&x})) return y;
  // dx = dy/(1 − rate) where kept, else 0
  return attach("dropout", y, {&x}, [rate, keep](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([n = dy.numel(), scale = static_cast<T>(1 / (1 - rate)), kept = keep.data<bool>(), g = dy.data<T>(), dx] {
        kernels::dropout_backward(n, scale, kept, g, dx.data, dx.accumulate);
      });
    });
  });
}

Tensor gaussian_dropout(const Tensor& given, double rate, Generator& generator) {
  check_rate("gaussian_dropout", rate);
  const Tensor x = detail::as_floating(given);
  if (rate == 0) return x;
  return multiply(x, random_normal(x.shape(), 1, std::sqrt(rate / (1 - rate)), false, x.dtype(), generator));
}

Tensor gaussian_noise(const Tensor& given, double stddev, Generator& generator) {
  const Tensor x = detail::as_floating(given);
  if (stddev == 0) return x;
  return add(x, random_normal(x.shape(), 0, stddev, false, x.dtype(), generator));
}

Tensor alpha_dropout(const Tensor& given, double rate, const Shape& noise_shape, Generator& generator) {
  check_rate("alpha_dropout", rate);
  const Tensor x = detail::as_floating(given);
  const Shape own = decisions("alpha_dropout", x.shape(), noise_shape);
  if (rate == 0) return x;
  // Dropped elements take SELU's value at −∞; a and b bring mean 0 and variance 1 back (section 3 of the paper).
  constexpr double selu_alpha = 1.6732632423543772848170429916717;
  constexpr double selu_scale = 1.0507009873554804934193349852946;
  const double dropped = -selu_alpha * selu_scale;
  const double a = 1 / std::sqrt((1 - rate) * (1 + rate * dropped * dropped));
  const double b = -a * dropped * rate;
  const Tensor kept =
      compare(Compare::greater_equal, random_uniform(own, 0, 1, x.dtype(), generator), scalar(rate, x.dtype()));
  const Tensor mixed = where(kept, x, scalar(dropped, x.dtype()));
  return add(multiply(mixed, scalar(a, x.dtype())), scalar(b, x.dtype()));
}

}  // namespace ops
}  // namespace ranvier
