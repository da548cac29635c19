// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; 2011), on vectors of counters.
#pragma once

#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {

/// Eight consecutive counters, each giving four 32-bit words: 32 words stand at fixed places whatever the vector width.
constexpr Index philox_counters = 8;
constexpr Index philox_words = 4 * philox_counters;

namespace detail {

/// A 32-bit word in each 64-bit lane; the upper halves may hold rubbish, which no product reads.
using Words = vec::Vec<std::uint64_t>;

/// The full product of the lower halves.
RANVIER_INLINE Words multiply_low_halves(Words a, Words b) {
#if defined(__AVX512F__)
  return (Words)_mm512_maskz_mul_epu32(static_cast<__mmask8>(0xff), (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffULL) * (b & 0xffffffffULL);
#endif
}

}  // namespace detail

/// The 32 words of the counters (first + k, stream), k = 0 … 7, under the key `seed`: word w of counter k stands at
/// 16·(w/2) + 2k + w%2.
RANVIER_INLINE void philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, std::uint32_t* out) {
  using detail::multiply_low_halves;
  using detail::Words;
  constexpr Index w = vec::lanes<std::uint64_t>;
  static_assert(philox_counters % w == 0);
  const Words m0 = vec::set1<std::uint64_t>(0xD2511F53U);
  const Words m1 = vec::set1<std::uint64_t>(0xCD9E8D57U);
#pragma GCC unroll 4
  for (Index k = 0; k < philox_counters; k += w) {
    const Words counter = vec::iota<std::uint64_t>() + (first + static_cast<std::uint64_t>(k));
    Words c0 = counter;
    Words c1 = counter >> 32;
    Words c2 = vec::set1<std::uint64_t>(stream);
    Words c3 = vec::set1<std::uint64_t>(stream >> 32);
    auto k0 = static_cast<std::uint32_t>(seed);
    auto k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const Words p0 = multiply_low_halves(m0, c0);
      const Words p1 = multiply_low_halves(m1, c2);
      c0 = (p1 >> 32) ^ c1 ^ vec::set1<std::uint64_t>(k0);
      c2 = (p0 >> 32) ^ c3 ^ vec::set1<std::uint64_t>(k1);
      c1 = p1;
      c3 = p0;
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    constexpr std::uint64_t low = 0xffffffffU;
    const Words ab = (c0 & low) | (c1 << 32);
    const Words cd = (c2 & low) | (c3 << 32);
    // As 32-bit words on a little-endian machine: c0, c1 of counter 0, then of counter 1, …
    std::memcpy(out + 2 * k, &ab, sizeof ab);
    std::memcpy(out + 2 * philox_counters + 2 * k, &cd, sizeof cd);
  }
}

}  // namespace ranvier::kernels
