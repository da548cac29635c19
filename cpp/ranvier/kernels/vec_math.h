// Elementary functions on vectors. exp, expm1, tanh, the normal distribution and erf are written out here (Eigen's
// lose -inf, up to 6 units in the last place, or float64); logarithm, sine, power and rounding are Eigen's packets.
#pragma once

#include <cmath>

#include "ranvier/kernels/vec.h"

namespace ranvier::kernels::vec {

/// x = n·ln 2 + r with |r| <= ln 2 / 2. ln 2 is split so that n·hi is exact (Cody & Waite 1980).
template <class T>
struct Reduced {
  Vec<T> r;
  Vec<T> n;
};
template <class T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  static constexpr float ln2_hi = 0.693359375F, ln2_lo = -2.12194440e-4F, round = 12582912.0F;  // 1.5·2^23
  static constexpr float lowest = -87.3365402F, highest = 89.0F;  // below the normal range, and inf
  static constexpr int mantissa = 23, bias = 127;
  /// e^r = Σ c_k·r^k on |r| <= ln 2 / 2: c_2 … c_6 fitted at Chebyshev's nodes (relative error 1e-8).
  static constexpr std::array<float, 7> series{
      1.0F, 1.0F, 0.5F, 0.1666657699F, 0.04166655462F, 0.008363179053F, 0.001392618359F};
};
template <>
struct ExpConstants<double> {
  static constexpr double ln2_hi = 6.93145751953125e-1, ln2_lo = 1.42860682030941723212e-6;
  static constexpr double round = 6755399441055744.0;  // 1.5·2^52
  static constexpr double lowest = -708.39641853226408, highest = 710.0;
  static constexpr int mantissa = 52, bias = 1023;
  /// Taylor's 1/k!: on so short an interval degree 13 is enough.
  static constexpr std::array<double, 14> series = [] {
    std::array<double, 14> c{};
    double value = 1;
    for (std::size_t k = 0; k < c.size(); ++k) {
      c[k] = value;
      value /= static_cast<double>(k + 1);
    }
    return c;
  }();
};

/// Adding 1.5·2^mantissa rounds to an integer that then stands in the low bits.
template <class T>
RANVIER_INLINE Reduced<T> reduce_ln2(Vec<T> x) {
  using C = ExpConstants<T>;
  const Vec<T> n = (x * T(1.4426950408889634) + C::round) - C::round;
  return {x - n * C::ln2_hi - n * C::ln2_lo, n};
}

/// 2^n for an integer n of the normal range.
template <class T>
RANVIER_INLINE Vec<T> power_of_two(Vec<T> n) {
  using C = ExpConstants<T>;
  // round + bias has the bias in its low bits, so that only a shift is left to do.
  return (Vec<T>)((Mask<T>)(n + (C::round + T(C::bias))) << C::mantissa);
}

/// Σ c_k·r^(k−first) from k = first on.
template <class T>
RANVIER_INLINE Vec<T> exp_series(Vec<T> r, int first) {
  constexpr auto& c = ExpConstants<T>::series;
  Vec<T> p = set1<T>(c.back());
#pragma GCC unroll 16
  for (int k = static_cast<int>(c.size()) - 2; k >= first; --k) p = p * r + c[static_cast<std::size_t>(k)];
  return p;
}

/// p·2^n, and 0 where x < lowest: results below the normal range become 0, as denormals do in the engine. (To make them
/// costs a hundred cycles a vector, and the −inf behind the end of a row of logits would.)
template <class T>
RANVIER_INLINE Vec<T> scale_by_power_of_two(Vec<T> p, Vec<T> n, Vec<T> x) {
  using C = ExpConstants<T>;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const __mmask16 normal = _mm512_cmp_ps_mask((__m512)x, (__m512)set1<T>(C::lowest), _CMP_NLT_UQ);
    return (Vec<T>)_mm512_maskz_scalef_ps(normal, (__m512)p, (__m512)n);
  } else {
    const __mmask8 normal = _mm512_cmp_pd_mask((__m512d)x, (__m512d)set1<T>(C::lowest), _CMP_NLT_UQ);
    return (Vec<T>)_mm512_maskz_scalef_pd(normal, (__m512d)p, (__m512d)n);
  }
#else
  // 2^128 does not exist, but 2·2^127 does.
  const Vec<T> up = n > T(C::bias) ? set1<T>(2) : set1<T>(1);
  const Vec<T> y = p * up * power_of_two<T>(at_most(n, T(C::bias)));
  return x < C::lowest ? Vec<T>{} : y;
#endif
}

template <class T>
RANVIER_INLINE Vec<T> exp(Vec<T> x) {
  const Reduced<T> q = reduce_ln2<T>(at_most(x, ExpConstants<T>::highest));
  return scale_by_power_of_two<T>(exp_series<T>(q.r, 0), q.n, x);
}

/// 2·(2^(n−1)·(e^r − 1) + 2^(n−1) − 1/2): n−1 keeps the power finite up to the largest result.
template <class T>
RANVIER_INLINE Vec<T> expm1_within(Vec<T> x) {
  const Reduced<T> q = reduce_ln2<T>(x);
  const Vec<T> e = q.r + q.r * (q.r * exp_series<T>(q.r, 2));
  const Vec<T> s = power_of_two<T>(q.n - T(1));
  return T(2) * (s * e + (s - T(0.5)));
}
template <class T>
RANVIER_INLINE Vec<T> expm1(Vec<T> x) {
  return expm1_within<T>(clamp(x, T(-60), ExpConstants<T>::highest));
}

/// tanh|x| = −e/(e + 2), e = expm1(−2|x|): nothing cancels and nothing overflows.
template <class T>
RANVIER_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> e = expm1_within<T>(at_least(T(-2) * abs<T>(x), T(-60)));
  return copysign<T>(e / (e + T(2)), x);
}

/// 1/(1 + e^−x), with e^−|x| only, so that both tails keep their relative accuracy.
template <class T>
RANVIER_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> e = exp<T>(-abs<T>(x));
  return (x < T(0) ? e : set1<T>(1)) / (T(1) + e);
}

template <class T>
RANVIER_INLINE Vec<T> log(Vec<T> x) {
  if constexpr (has_packet<T> && Eigen::internal::packet_traits<T>::HasLog) {
    return (Vec<T>)Eigen::internal::plog((Packet<T>)x);
  } else {
    return each_lane<T>(x, [](T v) { return std::log(v); });
  }
}

/// log(u) − ((u − 1) − x)/u, u = 1 + x: the second term is what rounding u lost.
template <class T>
RANVIER_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> u = T(1) + x;
  const Vec<T> y = log<T>(u) - ((u - T(1)) - x) / u;
  constexpr T inf = std::numeric_limits<T>::infinity();
  return x == inf ? x : x == T(-1) ? set1<T>(-inf) : y;
}

template <class T, std::size_t N>
RANVIER_INLINE Vec<T> polynomial(Vec<T> x, const std::array<T, N>& c) {
  Vec<T> p = set1<T>(c[N - 1]);
#pragma GCC unroll 16
  for (int k = static_cast<int>(N) - 2; k >= 0; --k) p = p * x + c[static_cast<std::size_t>(k)];
  return p;
}

/// log(1 + e) for 0 <= e <= 1: 2·artanh t, t = e/(2 + e) <= 1/3, as a series in t².
template <class T>
RANVIER_INLINE Vec<T> log1p_of_unit(Vec<T> e) {
  const Vec<T> t = e / (T(2) + e);
  if constexpr (sizeof(T) == 4) {
    // Fitted at Chebyshev's nodes (relative error 4e-9).
    constexpr std::array<float, 5> c{1.0F, 0.3333316082F, 0.2001229762F, 0.1398257887F, 0.1407888918F};
    return T(2) * t * polynomial<float>(t * t, c);
  } else {
    constexpr auto c = [] {
      std::array<double, 17> odd{};
      for (std::size_t k = 0; k < odd.size(); ++k) odd[k] = 1.0 / static_cast<double>(2 * k + 1);
      return odd;
    }();
    return T(2) * t * polynomial<double>(t * t, c);
  }
}

/// log(1 + e^x).
template <class T>
RANVIER_INLINE Vec<T> softplus(Vec<T> x) {
  return at_least(x, T(0)) + log1p_of_unit<T>(exp<T>(-abs<T>(x)));
}

/// Correctly rounded (Eigen's packets approximate it).
template <class T>
RANVIER_INLINE Vec<T> sqrt(Vec<T> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_sqrt_ps((__m512)x);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_sqrt_ps((__m256)x);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_sqrt_pd((__m256d)x);
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm_sqrt_ps((__m128)x);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm_sqrt_pd((__m128d)x);
#endif
  return each_lane<T>(x, [](T v) { return std::sqrt(v); });
}

template <class T>
RANVIER_INLINE Vec<T> sin(Vec<T> x) {
  if constexpr (sizeof(T) == 4 && has_packet<T> && Eigen::internal::packet_traits<T>::HasSin) {
    return (Vec<T>)Eigen::internal::psin((Packet<T>)x);
  } else {
    return each_lane<T>(x, [](T v) { return std::sin(v); });
  }
}
template <class T>
RANVIER_INLINE Vec<T> cos(Vec<T> x) {
  if constexpr (sizeof(T) == 4 && has_packet<T> && Eigen::internal::packet_traits<T>::HasCos) {
    return (Vec<T>)Eigen::internal::pcos((Packet<T>)x);
  } else {
    return each_lane<T>(x, [](T v) { return std::cos(v); });
  }
}

template <class T>
RANVIER_INLINE Vec<T> floor(Vec<T> x) {
  if constexpr (has_packet<T> && Eigen::internal::packet_traits<T>::HasFloor) {
    return (Vec<T>)Eigen::internal::pfloor((Packet<T>)x);
  } else {
    return each_lane<T>(x, [](T v) { return std::floor(v); });
  }
}
template <class T>
RANVIER_INLINE Vec<T> ceil(Vec<T> x) {
  if constexpr (has_packet<T> && Eigen::internal::packet_traits<T>::HasCeil) {
    return (Vec<T>)Eigen::internal::pceil((Packet<T>)x);
  } else {
    return each_lane<T>(x, [](T v) { return std::ceil(v); });
  }
}
/// Half to even, as NumPy.
template <class T>
RANVIER_INLINE Vec<T> round(Vec<T> x) {
  if constexpr (has_packet<T> && Eigen::internal::packet_traits<T>::HasRint) {
    return (Vec<T>)Eigen::internal::print((Packet<T>)x);
  } else {
    return each_lane<T>(x, [](T v) { return std::nearbyint(v); });
  }
}

/// a^b.
template <class T>
RANVIER_INLINE Vec<T> pow(Vec<T> a, Vec<T> b) {
  if constexpr (has_packet<T> && Eigen::internal::packet_traits<T>::HasExp) {
    return (Vec<T>)Eigen::internal::generic_pow((Packet<T>)a, (Packet<T>)b);
  } else {
    Vec<T> y{};
    for (Index i = 0; i < lanes<T>; ++i) y[i] = std::pow(a[i], b[i]);
    return y;
  }
}

/// 1/x within a unit or two in the last place, for x of usual size: a third of a division's time.
RANVIER_INLINE Vec<float> reciprocal(Vec<float> x) {
#if defined(__AVX512F__)
  const auto guess = (Vec<float>)_mm512_rcp14_ps((__m512)x);
  return guess + guess * (1.0F - x * guess);
#else
  return 1.0F / x;
#endif
}

/// erfc(a)·e^(a²) for a >= 0: t·P(1 − 2t), t = 3/(a + 3), P fitted at Chebyshev's nodes over all of a >= 0 (relative
/// error 6e-9).
RANVIER_INLINE Vec<float> scaled_erfc(Vec<float> a) {
  constexpr std::array<float, 10> c{0.358002302F,    -0.29446482F,    0.196742808F,     -0.103488869F,
                                    0.0398424074F,   -0.0089455588F,  -0.000405654812F, 0.00102602781F,
                                    -0.00016635708F, -0.000111274841F};
  const Vec<float> t = 3.0F * reciprocal(a + 3.0F);
  return t * polynomial<float>(1.0F - 2.0F * t, c);
}

/// e^(−scale·a²), 0 <= a <= 15, without the error of rounding a²: the square of its upper half is exact and the rest
/// joins the reduced argument.
RANVIER_INLINE Vec<float> exp_minus_square(Vec<float> a, float scale) {
  const auto hi = (Vec<float>)((Mask<float>)a & static_cast<std::int32_t>(0xfffff000));
  const Vec<float> x = -scale * (hi * hi);
  const Reduced<float> q = reduce_ln2<float>(x);
  return scale_by_power_of_two<float>(exp_series<float>(q.r - scale * ((a - hi) * (a + hi)), 0), q.n, x);
}

template <class T>
RANVIER_INLINE Vec<T> erf(Vec<T> x) {
  if constexpr (sizeof(T) == 4) {
    // x·P(x²) up to 1, where 1 − erfc begins to keep all digits.
    constexpr std::array<float, 7> c{1.128379166F,    -0.3761262667F,    0.1128359472F,  -0.02685421201F,
                                     0.005189087423F, -0.0008016864287F, 7.875875063e-5F};
    const Vec<T> a = abs<T>(x);
    const Vec<T> b = at_most(a, T(10));
    const Vec<T> tail = T(1) - exp<T>(-(b * b)) * scaled_erfc(b);
    return copysign<T>(a < T(1) ? a * polynomial<float>(a * a, c) : tail, x);
  } else {
    return each_lane<T>(x, [](T v) { return std::erf(v); });
  }
}

/// Φ(x) and φ(x) of the standard normal distribution, each to full relative accuracy also far to the left.
template <class T>
struct Normal {
  Vec<T> cdf;
  Vec<T> density;
};
template <class T>
RANVIER_INLINE Normal<T> normal(Vec<T> x) {
  constexpr T root_half = T(0.70710678118654752440);
  constexpr T inverse_root_2pi = T(0.39894228040143267794);
  if constexpr (sizeof(T) == 4) {
    const Vec<T> a = at_most(abs<T>(x), T(14.5));
    const Vec<T> e = exp_minus_square(a, 0.5F);
    const Vec<T> tail = T(0.5) * e * scaled_erfc(a * root_half);
    return {x < T(0) ? tail : T(1) - tail, e * inverse_root_2pi};
  } else {
    return {T(0.5) * each_lane<T>(x * -root_half, [](T v) { return std::erfc(v); }),
            exp<T>(T(-0.5) * x * x) * inverse_root_2pi};
  }
}

}  // namespace ranvier::kernels::vec
