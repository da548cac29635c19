#include "ranvier/nn/initializers.h"

#include <algorithm>
#include <cmath>

#include "ranvier/kernels/linalg.h"
#include "ranvier/kernels/move.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/random.h"

namespace ranvier::nn {
namespace {

using io::Json;

struct Fans {
  double in;
  double out;
};

// Dense kernels are (in, out); convolution kernels (…window, in, out) see in·window inputs per output.
Fans fans_of(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  const auto window = static_cast<double>(shape.numel(0, shape.rank() - 2));
  return {window * static_cast<double>(shape[shape.rank() - 2]), window * static_cast<double>(shape.back())};
}

template <class Draw>
Tensor with_generator(const Json& config, Draw draw) {
  const Json* seed = config.find("seed");
  if (seed != nullptr) {
    Generator own(static_cast<std::uint64_t>(config.integer("seed")));
    return draw(own);
  }
  return draw(default_generator());
}

// Scaled by the number of inputs/outputs so that the variance of signals is kept (Glorot & Bengio 2010, He et al. 2015).
Tensor variance_scaling(const Json& config, double scale, const std::string& mode, const std::string& distribution,
                        const Shape& shape, const Fans& fans, DType dtype) {
  double n = (fans.in + fans.out) / 2;
  if (mode == "fan_in") {
    n = fans.in;
  } else if (mode == "fan_out") {
    n = fans.out;
  } else {
    check(mode == "fan_avg", "VarianceScaling: expected mode 'fan_in', 'fan_out' or 'fan_avg', received '", mode, "'");
  }
  const double variance = scale / std::max(1.0, n);
  return with_generator(config, [&](Generator& generator) {
    if (distribution == "uniform") {
      const double limit = std::sqrt(3 * variance);
      return ops::random_uniform(shape, -limit, limit, dtype, generator);
    }
    if (distribution == "untruncated_normal") {
      return ops::random_normal(shape, 0, std::sqrt(variance), false, dtype, generator);
    }
    check(distribution == "truncated_normal" || distribution == "normal",
          "VarianceScaling: expected distribution 'truncated_normal', 'untruncated_normal' or 'uniform', received '",
          distribution, "'");
    // 0.8796… is the standard deviation of a unit normal cut at two of them.
    return ops::random_normal(shape, 0, std::sqrt(variance) / .87962566103423978, true, dtype, generator);
  });
}

Tensor orthogonal(const Json& config, const Shape& shape, DType dtype) {
  check(shape.rank() >= 2, "Orthogonal: expected a shape of rank 2 or more, received ", shape);
  const Index columns = shape.back();
  const Index height = shape.numel(0, shape.rank() - 1);
  const double gain = config.number("gain", 1.0);
  Tensor draw = with_generator(config, [&](Generator& g) {
    return ops::random_normal({height, columns}, 0, 1, false, DType::float64, g);
  });
  kernels::orthonormalize(height, columns, gain, draw.data<double>());
  return view(ops::cast(draw, dtype), shape);
}

Tensor identity(const Json& config, const Shape& shape, DType dtype) {
  check(shape.rank() == 2, "Identity: expected a shape of rank 2, received ", shape);
  const Tensor y = zeros(shape, DType::float64);
  for (Index i = 0; i < std::min(shape[0], shape[1]); ++i)
    y.data<double>()[i * shape[1] + i] = config.number("gain", 1.0);
  return ops::cast(y, dtype);
}

struct Scaled {
  const char* name;
  double scale;
  const char* mode;
  const char* distribution;
};
constexpr Scaled scaled[] = {
    {"GlorotUniform", 1, "fan_avg", "uniform"}, {"GlorotNormal", 1, "fan_avg", "truncated_normal"},
    {"HeUniform", 2, "fan_in", "uniform"},      {"HeNormal", 2, "fan_in", "truncated_normal"},
    {"LecunUniform", 1, "fan_in", "uniform"},   {"LecunNormal", 1, "fan_in", "truncated_normal"},
};

}  // namespace

Tensor initialize(const Json& spec, const Shape& shape, DType dtype, const Shape& given) {
  const std::string name = spec.is_text() ? spec.as_text() : spec.text("class_name");
  const Json* settings = spec.is_text() ? nullptr : spec.find("config");
  const Json config = settings != nullptr ? *settings : Json(Json::Object{});
  checked_bytes(shape, size_of(dtype));

  if (name == "Zeros") return zeros(shape, dtype);
  if (name == "Ones") return full(shape, 1, dtype);
  if (name == "Constant") return full(shape, config.number("value", 0.0), dtype);
  if (name == "RandomUniform") {
    return with_generator(config, [&](Generator& g) {
      return ops::random_uniform(shape, config.number("minval", -0.05), config.number("maxval", 0.05), dtype, g);
    });
  }
  if (name == "RandomNormal" || name == "TruncatedNormal") {
    return with_generator(config, [&](Generator& g) {
      return ops::random_normal(shape, config.number("mean", 0.0), config.number("stddev", 0.05),
                                name == "TruncatedNormal", dtype, g);
    });
  }
  const Fans fans = fans_of(given.rank() == 2 ? given : shape);
  for (const Scaled& s : scaled) {
    if (name == s.name) return variance_scaling(config, s.scale, s.mode, s.distribution, shape, fans, dtype);
  }
  if (name == "VarianceScaling") {
    return variance_scaling(config, config.number("scale", 1.0), config.text("mode", "fan_in"),
                            config.text("distribution", "truncated_normal"), shape, fans, dtype);
  }
  if (name == "Orthogonal") return orthogonal(config, shape, dtype);
  if (name == "Identity") return identity(config, shape, dtype);
  fail("initializer: unknown class '", name, "'");
}

}  // namespace ranvier::nn
