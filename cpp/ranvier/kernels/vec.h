// A vector of T as wide as the machine's registers, with partial loads and stores, so that the last elements of an
// array go through the very code the others go through. It is the compiler's native vector: + - * / < ?: work on it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "ranvier/core/shape.h"
#include "ranvier/kernels/eigen.h"

#define RANVIER_INLINE inline __attribute__((always_inline))

namespace ranvier::kernels::vec {

/// Eigen decides how wide a register is; machines it does not know get 16 bytes.
constexpr int eigen_lanes = Eigen::internal::packet_traits<float>::size;
constexpr int vector_bytes = eigen_lanes > 1 ? eigen_lanes * 4 : 16;

template <class T>
constexpr Index lanes = vector_bytes / static_cast<Index>(sizeof(T));

template <class T, Index N>
struct Native {
  typedef T type __attribute__((vector_size(static_cast<std::size_t>(N) * sizeof(T))));
};
template <class T, Index N>
using VecN = typename Native<T, N>::type;
template <class T>
using Vec = VecN<T, lanes<T>>;

/// The signed integer as wide as T; comparing two Vec<T> gives a Vec of it, all bits of a lane set or clear.
template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
template <class T>
using Mask = Vec<Bits<T>>;

template <class T>
RANVIER_INLINE Vec<T> set1(T value) {
  return Vec<T>{} + value;
}

/// 0, 1, 2, … in the lanes.
template <class T>
RANVIER_INLINE Vec<T> iota() {
  return []<std::size_t... I>(std::index_sequence<I...>) { return Vec<T>{static_cast<T>(I)...}; }
  (std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>{});
}

template <class T>
RANVIER_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
RANVIER_INLINE void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

/// Lanes 0 … count−1 hold all ones, the others zero.
template <class T>
RANVIER_INLINE Mask<T> first_lanes(Index count) {
  return iota<Bits<T>>() < static_cast<Bits<T>>(count);
}

/// The first `count` elements (0 <= count < lanes), zeros behind them; nothing beyond is touched.
template <class T>
RANVIER_INLINE Vec<T> load_part(const T* p, Index count) {
#if defined(__AVX512F__)
  const unsigned bits = (1U << static_cast<unsigned>(count)) - 1U;
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>(bits), p);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>(bits), p);
#elif defined(__AVX2__)
  const auto mask = (__m256i)first_lanes<T>(count);
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), mask);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), mask);
#endif
  Vec<T> v{};
  for (Index i = 0; i < count; ++i) v[i] = p[i];
  return v;
}

template <class T>
RANVIER_INLINE void store_part(T* p, Vec<T> v, Index count) {
#if defined(__AVX512F__)
  const unsigned bits = (1U << static_cast<unsigned>(count)) - 1U;
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(bits), (__m512i)v);
    return;
  }
  if constexpr (sizeof(T) == 8) {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(bits), (__m512i)v);
    return;
  }
#elif defined(__AVX2__)
  const auto mask = (__m256i)first_lanes<T>(count);
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), mask, (__m256i)v);
    return;
  }
  if constexpr (sizeof(T) == 8) {
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), mask, (__m256i)v);
    return;
  }
#endif
  for (Index i = 0; i < count; ++i) p[i] = v[i];
}

/// The vector at p when `left` elements remain there: whole, or the part that exists.
template <class T>
RANVIER_INLINE Vec<T> load(const T* p, Index left) {
  return left >= lanes<T> ? load(p) : load_part(p, left);
}
template <class T>
RANVIER_INLINE void store(T* p, Vec<T> v, Index left) {
  if (left >= lanes<T>) {
    store(p, v);
  } else {
    store_part(p, v, left);
  }
}

/// v, rounded: a product in it is not fused with an addition that follows. Whether the compiler fuses the two depends on
/// the branches between them, and a tail must not round differently from the rest of its array.
template <class V>
RANVIER_INLINE V rounded(V v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
  return v;
}

/// dst = v or dst += v: what every kernel with an accumulate flag ends with.
template <class T>
RANVIER_INLINE void put(T* p, Vec<T> v, Index left, bool accumulate) {
  v = rounded(v);
  store(p, accumulate ? load(p, left) + v : v, left);
}

template <class T>
using Packet = typename Eigen::internal::packet_traits<T>::type;
/// True when Eigen's packet and our vector are the same thing and can be passed to its functions.
template <class T>
constexpr bool has_packet = std::is_floating_point_v<T>&& Eigen::internal::packet_traits<T>::size == lanes<T> &&
                            sizeof(Packet<T>) == sizeof(Vec<T>);

template <class V>
using Element = std::remove_cvref_t<decltype(V{}[0])>;

/// A NaN in x stays (Eigen's pmax and pmin return their first argument then). The bound is never NaN.
template <class V, class B>
RANVIER_INLINE V at_least(V x, B bound) {
  using T = Element<V>;
  const V limit = V{} + bound;
  if constexpr (has_packet<T>) {
    return (V)Eigen::internal::pmax((Packet<T>)x, (Packet<T>)limit);
  } else {
    return x < limit ? limit : x;
  }
}
template <class V, class B>
RANVIER_INLINE V at_most(V x, B bound) {
  using T = Element<V>;
  const V limit = V{} + bound;
  if constexpr (has_packet<T>) {
    return (V)Eigen::internal::pmin((Packet<T>)x, (Packet<T>)limit);
  } else {
    return x > limit ? limit : x;
  }
}
template <class V, class B>
RANVIER_INLINE V clamp(V x, B low, B high) {
  return at_most(at_least(x, low), high);
}

template <class T>
RANVIER_INLINE Vec<T> abs(Vec<T> x) {
  if constexpr (std::is_floating_point_v<T>) {
    return (Vec<T>)((Mask<T>)x & std::numeric_limits<Bits<T>>::max());
  } else {
    return x < T{0} ? -x : x;
  }
}
/// The magnitude of a with the sign of b.
template <class T>
RANVIER_INLINE Vec<T> copysign(Vec<T> a, Vec<T> b) {
  constexpr Bits<T> magnitude = std::numeric_limits<Bits<T>>::max();
  return (Vec<T>)(((Mask<T>)a & magnitude) | ((Mask<T>)b & ~magnitude));
}

template <class T, Index N>
struct Halves {
  VecN<T, N / 2> low, high;
};
template <class T, Index N>
RANVIER_INLINE Halves<T, N> split(VecN<T, N> v) {
#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return Halves<T, N>{__builtin_shufflevector(v, v, I...), __builtin_shufflevector(v, v, (I + N / 2)...)};
  }
  (std::make_integer_sequence<int, static_cast<int>(N / 2)>{});
#else
  Halves<T, N> halves;
  std::memcpy(&halves, &v, sizeof v);
  return halves;
#endif
}

/// Folds the lanes of v by halves: a fixed tree.
template <class T, Index N, class F>
RANVIER_INLINE T fold(VecN<T, N> v, F f) {
  if constexpr (N == 2) {
    return f(v[0], v[1]);
  } else {
    const Halves<T, N> h = split<T, N>(v);
    return fold<T, N / 2>(f(h.low, h.high), f);
  }
}
template <class T>
RANVIER_INLINE T sum(Vec<T> v) {
  return fold<T, lanes<T>>(v, [](auto a, auto b) { return a + b; });
}
/// Of the numbers in v; a NaN may be lost or kept.
template <class T>
RANVIER_INLINE T largest(Vec<T> v) {
  return fold<T, lanes<T>>(v, [](auto a, auto b) { return a > b ? a : b; });
}

/// f on each lane, where no vector form is known or float64's accuracy is worth more than its speed.
template <class T, class F>
RANVIER_INLINE Vec<T> each_lane(Vec<T> x, F f) {
  Vec<T> y{};
  for (Index i = 0; i < lanes<T>; ++i) y[i] = f(x[i]);
  return y;
}

}  // namespace ranvier::kernels::vec
