#include "ranvier/kernels/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/philox.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

static_assert(std::endian::native == std::endian::little, "the layout of random words assumes little-endian memory");

using vec::lanes;
using vec::load;
using vec::store;
using vec::Vec;

constexpr Index grain = 16384;

/// Elements of T made from one call of philox: one word for a float, two for a double.
template <class T>
constexpr Index per_call = philox_words / (sizeof(T) == 8 ? 2 : 1);

/// use(i, count, words) for every group of elements of [0, n): element i + k belongs to word (or pair of words) k.
template <class T, class Use>
RANVIER_INLINE void each_group(RandomKey key, Index n, Use use) {
  parallel_for(n, grain, [=](Index begin, Index end) {
    alignas(64) std::array<std::uint32_t, philox_words> words;
    for (Index i = begin; i < end; i += per_call<T>) {
      const auto group = static_cast<std::uint64_t>(i / per_call<T>);
      philox(key.seed, key.stream, group * philox_counters, words.data());
      use(i, std::min(per_call<T>, end - i), words.data());
    }
  });
}

/// Uniform in [0, 1): the upper 24 or 53 bits of word (pair) k and its neighbours.
template <class T>
RANVIER_INLINE Vec<T> unit(const std::uint32_t* words, Index k) {
  if constexpr (sizeof(T) == 4) {
    const auto bits = (Vec<std::int32_t>)(load(words + k) >> 8);
    return __builtin_convertvector(bits, Vec<T>) * 0x1p-24F;
  } else {
    Vec<std::uint64_t> pair;
    std::memcpy(&pair, words + 2 * k, sizeof pair);
    return __builtin_convertvector((Vec<std::int64_t>)(pair >> 11), Vec<T>) * 0x1p-53;
  }
}

/// A standard normal number within two standard deviations, for an element whose first one was outside: element i's
/// own counters, told from all others by the number of the attempt in the counter's upper bits.
double redraw(RandomKey key, Index i) {
  for (std::uint64_t attempt = 1;; ++attempt) {
    std::array<std::uint32_t, philox_words> words;
    philox(key.seed, key.stream, (attempt << 48) + static_cast<std::uint64_t>(i) * philox_counters, words.data());
    for (std::size_t k = 0; k < philox_words; k += 2) {
      const double u = (words[k] + 0.5) * 0x1p-32;
      const double v = words[k + 1] * 0x1p-32;
      const double z = std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
      if (std::abs(z) <= 2) return z;
    }
  }
}

/// floor(word·range/2^64): range 0 … range−1 with a bias below range/2^64.
std::uint64_t scaled(std::uint64_t word, std::uint64_t range) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(word) * range) >> 64);
}

template <class T>
using KeepBytes = vec::VecN<std::int8_t, lanes<T>>;

}  // namespace

template <class T>
void random_uniform(RandomKey key, Index n, T low, T high, T* y) {
  const T width = high - low;
  // Rounding may reach high, which is not part of the interval.
  const T last = high > low ? std::nextafter(high, low) : low;
  each_group<T>(key, n, [=](Index i, Index count, const std::uint32_t* words) {
    for (Index k = 0; k < count; k += lanes<T>) {
      store<T>(y + i + k, vec::at_most(low + width * unit<T>(words, k), last), count - k);
    }
  });
}

// Box & Muller (1958): the first half of a group gives radii, the second angles, and each half receives one of the two
// normal numbers.
template <class T>
void random_normal(RandomKey key, Index n, T mean, T stddev, bool truncated, T* y) {
  constexpr Index half = per_call<T> / 2;
  each_group<T>(key, n, [=](Index i, Index count, const std::uint32_t* words) {
    alignas(64) std::array<T, per_call<T>> z;
    for (Index k = 0; k < half; k += lanes<T>) {
      Vec<T> u;
      if constexpr (sizeof(T) == 4) {
        // All 32 bits, so that the tails reach 6.6 standard deviations; (0, 1].
        const auto high = __builtin_convertvector((Vec<std::int32_t>)(load(words + k) >> 8), Vec<T>);
        const auto low = __builtin_convertvector((Vec<std::int32_t>)(load(words + k) & 0xffU), Vec<T>);
        u = high * 0x1p-24F + (low + 0.5F) * 0x1p-32F;
      } else {
        u = T(1) - unit<T>(words, k);
      }
      const Vec<T> radius = vec::sqrt<T>(T(-2) * vec::log<T>(u));
      const Vec<T> angle = T(6.28318530717958647693) * unit<T>(words, half + k);
      store<T>(z.data() + k, radius * vec::cos<T>(angle));
      store<T>(z.data() + half + k, radius * vec::sin<T>(angle));
    }
    for (Index k = 0; k < count; ++k) {
      T value = z[static_cast<std::size_t>(k)];
      if (truncated && std::abs(value) > T(2)) value = static_cast<T>(redraw(key, i + k));
      y[i + k] = mean + stddev * value;
    }
  });
}

void random_integers(RandomKey key, Index n, std::int64_t low, std::int64_t high, std::int64_t* y) {
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  each_group<double>(key, n, [=](Index i, Index count, const std::uint32_t* words) {
    for (Index k = 0; k < count; ++k) {
      std::uint64_t word;
      std::memcpy(&word, words + 2 * k, sizeof word);
      y[i + k] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + scaled(word, range));
    }
  });
}

void random_permutation(RandomKey key, Index n, std::int64_t* y) {
  std::iota(y, y + n, std::int64_t{0});
  // Fisher & Yates in Durstenfeld's order (1964); step i uses draw i.
  std::array<std::uint32_t, philox_words> words{};
  for (Index i = n - 1, made = -1; i > 0; --i) {
    const Index group = i / per_call<double>;
    if (group != made) {
      philox(key.seed, key.stream, static_cast<std::uint64_t>(group) * philox_counters, words.data());
      made = group;
    }
    std::uint64_t word;
    std::memcpy(&word, words.data() + 2 * (i % per_call<double>), sizeof word);
    std::swap(y[i], y[scaled(word, static_cast<std::uint64_t>(i) + 1)]);
  }
}

template <class T>
void dropout(RandomKey key, Index n, double rate, const T* x, T* y, bool* keep) {
  if (rate >= 1) {
    std::fill_n(y, n, T(0));
    std::fill_n(keep, n, false);
    return;
  }
  using Bits = std::make_unsigned_t<vec::Bits<T>>;
  const auto threshold = static_cast<Bits>(std::min(rate * 0x1p32, 0x1p32 - 1));
  const auto scale = static_cast<T>(1 / (1 - rate));
  // One word an element for either type: float32 and float64 drop the same elements.
  each_group<float>(key, n, [=](Index i, Index count, const std::uint32_t* words) {
    for (Index k = 0; k < count; k += lanes<T>) {
      const Index left = count - k;
      vec::VecN<std::uint32_t, lanes<T>> narrow;
      std::memcpy(&narrow, words + k, sizeof narrow);
      const auto kept = __builtin_convertvector(narrow, Vec<Bits>) >= threshold;
      store<T>(y + i + k, kept ? load(x + i + k, left) * scale : Vec<T>{}, left);
      const KeepBytes<T> bytes = __builtin_convertvector(kept, KeepBytes<T>) & 1;
      std::memcpy(keep + i + k, &bytes, static_cast<std::size_t>(std::min(left, lanes<T>)));
    }
  });
}

template <class T>
void dropout_backward(Index n, T scale, const bool* keep, const T* dy, T* dx, bool accumulate) {
  parallel_for(n, grain, [=](Index begin, Index end) {
    for (Index i = begin; i < end; i += lanes<T>) {
      const Index left = end - i;
      KeepBytes<T> bytes{};
      std::memcpy(&bytes, keep + i, static_cast<std::size_t>(std::min(left, lanes<T>)));
      const vec::Mask<T> kept = __builtin_convertvector(bytes, vec::Mask<T>) != 0;
      vec::put<T>(dx + i, kept ? load(dy + i, left) * scale : Vec<T>{}, left, accumulate);
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                             \
  template void random_uniform<T>(RandomKey, Index, T, T, T*);             \
  template void random_normal<T>(RandomKey, Index, T, T, bool, T*);        \
  template void dropout<T>(RandomKey, Index, double, const T*, T*, bool*); \
  template void dropout_backward<T>(Index, T, const bool*, const T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
