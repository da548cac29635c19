// The vectors of the matrix product: gcc vector extensions, as wide as the level this file is compiled for.
#pragma once

#include <utility>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "ranvier/core/shape.h"

namespace ranvier::kernels::gemm_detail {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
constexpr int max_rows = 14;  // 14 × 2 accumulators, 2 vectors of B, 1–2 broadcasts of A: 32 registers
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
constexpr int max_rows = 6;  // 6 × 2 accumulators, 2 vectors of B, 1–2 broadcasts of A: 16 registers
#elif defined(__aarch64__)
constexpr int vector_bytes = 16;
constexpr int max_rows = 12;
#else
constexpr int vector_bytes = 16;
constexpr int max_rows = 6;
#endif

template <class T>
struct Simd;
template <>
struct Simd<float> {
  static constexpr int width = vector_bytes / 4;
  typedef float Vector __attribute__((vector_size(vector_bytes)));
  typedef float Unaligned __attribute__((vector_size(vector_bytes), aligned(4), may_alias));
};
template <>
struct Simd<double> {
  static constexpr int width = vector_bytes / 8;
  typedef double Vector __attribute__((vector_size(vector_bytes)));
  typedef double Unaligned __attribute__((vector_size(vector_bytes), aligned(8), may_alias));
};

template <class T>
using Vec = typename Simd<T>::Vector;
template <class T>
constexpr int width = Simd<T>::width;

template <class T>
inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::Unaligned*>(p);
}
template <class T>
inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Simd<T>::Unaligned*>(p) = v;
}
template <class T>
inline Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

// The first `count` lanes (0 < count <= width), the others zero on load and untouched in memory on store.
#if defined(__AVX512F__)
constexpr bool has_masks = true;
template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  __mmask16 mask;
  explicit Lanes(int count) : mask(static_cast<__mmask16>(0xffffu >> (16 - count))) {}
  Vec<float> load(const float* p) const { return _mm512_maskz_loadu_ps(mask, p); }
  void store(float* p, Vec<float> v) const { _mm512_mask_storeu_ps(p, mask, v); }
};
template <>
struct Lanes<double> {
  __mmask8 mask;
  explicit Lanes(int count) : mask(static_cast<__mmask8>(0xffu >> (8 - count))) {}
  Vec<double> load(const double* p) const { return _mm512_maskz_loadu_pd(mask, p); }
  void store(double* p, Vec<double> v) const { _mm512_mask_storeu_pd(p, mask, v); }
};
#elif defined(__AVX2__)
constexpr bool has_masks = true;
template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  __m256i mask;
  explicit Lanes(int count)
      : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
  Vec<float> load(const float* p) const { return _mm256_maskload_ps(p, mask); }
  void store(float* p, Vec<float> v) const { _mm256_maskstore_ps(p, mask, v); }
};
template <>
struct Lanes<double> {
  __m256i mask;
  explicit Lanes(int count) : mask(_mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3))) {}
  Vec<double> load(const double* p) const { return _mm256_maskload_pd(p, mask); }
  void store(double* p, Vec<double> v) const { _mm256_maskstore_pd(p, mask, v); }
};
#else
constexpr bool has_masks = false;  // a partial load is slow here: the last columns of B are always packed
template <class T>
struct Lanes {
  int count;
  explicit Lanes(int n) : count(n) {}
  Vec<T> load(const T* p) const {
    Vec<T> v{};
    for (int l = 0; l < width<T>; ++l) {
      if (l < count) v[l] = p[l];
    }
    return v;
  }
  void store(T* p, Vec<T> v) const {
    for (int l = 0; l < width<T>; ++l) {
      if (l < count) p[l] = v[l];
    }
  }
};
#endif

// One step of a transposition: of rows x and y, S apart, the blocks of S lanes off the diagonal change places.
template <class T, int S, int... L>
inline void exchange(Vec<T>& x, Vec<T>& y, std::integer_sequence<int, L...>) {
  constexpr int w = width<T>;
  const Vec<T> u = __builtin_shufflevector(x, y, ((L & S) == 0 ? L : w + L - S)...);
  const Vec<T> v = __builtin_shufflevector(x, y, ((L & S) == 0 ? L + S : w + L)...);
  x = u;
  y = v;
}
template <class T, int S>
inline void exchange(Vec<T>& x, Vec<T>& y) {
  exchange<T, S>(x, y, std::make_integer_sequence<int, width<T>>{});
}

template <class T, int S = width<T> / 2>
inline void transpose(Vec<T> (&rows)[width<T>]) {
#pragma GCC unroll 16
  for (int i = 0; i < width<T>; ++i) {
    if ((i & S) == 0) exchange<T, S>(rows[i], rows[i + S]);
  }
  if constexpr (S > 1) transpose<T, S / 2>(rows);
}

}  // namespace ranvier::kernels::gemm_detail
