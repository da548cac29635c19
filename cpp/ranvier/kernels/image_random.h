// A stream of random numbers of one image: block b of image i has the counters (i·2^24 + b)·8 … of Philox.
#pragma once

#include <cmath>

#include "ranvier/kernels/image.h"
#include "ranvier/kernels/philox.h"

namespace ranvier::kernels {

class ImageRandom {
 public:
  ImageRandom(RandomKey key, Index image) : key_(key), block_(static_cast<std::uint64_t>(image) << 24) {}

  /// In [0, 1).
  double unit() { return word() * 0x1p-32; }
  double uniform(Interval from) { return from.low + (from.high - from.low) * unit(); }
  /// 0 … n − 1.
  Index below(Index n) {
    return static_cast<Index>(static_cast<std::uint64_t>(word()) * static_cast<std::uint64_t>(n) >> 32);
  }
  /// +1 or −1.
  double sign() { return unit() < 0.5 ? 1 : -1; }
  /// Box & Muller 1958.
  double normal() {
    const double radius = std::sqrt(-2 * std::log((word() + 0.5) * 0x1p-32));
    return radius * std::cos(6.283185307179586 * unit());
  }
  /// The logarithm of a gamma variate of scale 1 (its value may be too small for a double when shape is). Marsaglia &
  /// Tsang 2000; below shape 1 the variate of shape + 1 is multiplied by U^(1/shape).
  double log_gamma_variate(double shape) {
    double log_boost = 0;
    if (shape < 1) {
      log_boost = std::log((word() + 0.5) * 0x1p-32) / shape;
      shape += 1;
    }
    const double d = shape - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double z = normal();
      const double cube = 1 + c * z;
      if (cube <= 0) continue;
      const double v = cube * cube * cube;
      if (std::log((word() + 0.5) * 0x1p-32) < 0.5 * z * z + d - d * v + d * std::log(v)) {
        return std::log(d * v) + log_boost;
      }
    }
  }
  /// Beta(a, b) from two gamma variates.
  double beta(double a, double b) {
    const double x = log_gamma_variate(a);
    const double y = log_gamma_variate(b);
    return 1 / (1 + std::exp(y - x));
  }

 private:
  std::uint32_t word() {
    if (used_ == philox_words) {
      philox(key_.seed, key_.stream, block_++ * philox_counters, words_.data());
      used_ = 0;
    }
    return words_[static_cast<std::size_t>(used_++)];
  }

  RandomKey key_;
  std::uint64_t block_;
  Index used_ = philox_words;
  alignas(64) std::array<std::uint32_t, philox_words> words_;
};

}  // namespace ranvier::kernels
