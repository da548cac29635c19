// Images seen through a projective map: each output pixel reads the input between up to four pixels.
#include <algorithm>

#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::Bits;
using vec::lanes;
using vec::Mask;
using vec::Vec;

constexpr Index chunk = 256;    // pixels whose taps are worked out at once: enough to hide how long each takes
constexpr Index narrow = 1024;  // images this wide are cut into rows first, so that float32 counts pixels exactly
template <class T>
constexpr T rounding = sizeof(T) == 8 ? T(6755399441055744.0) : T(12582912.0);  // 1.5·2^mantissa: adding it rounds

/// The image that is read.
struct Input {
  Index height, width, channels;
  Index row, pixel, channel;  // steps in elements

  explicit Input(const ImageShape& s)
      : height(s.height), width(s.width), channels(s.channels), row(s.row()), pixel(s.pixel()), channel(s.channel()) {}
};

/// Where pixels [0, count) of a chunk read and with which weights; `lost` is the weight of taps beyond the edge.
template <class T>
struct Taps {
  alignas(64) Bits<T> offset[4][chunk];
  alignas(64) T weight[4][chunk];
  alignas(64) T lost[chunk];
};

/// One coordinate's two neighbours.
template <class T>
struct Pair {
  Mask<T> index[2];
  Vec<T> weight[2];
};

/// i mod n in 0 … n − 1; the half keeps the quotient away from integers, so that rounding cannot change its floor.
template <class T>
RANVIER_INLINE Mask<T> modulo(Mask<T> i, Bits<T> n) {
  const Vec<T> q = (__builtin_convertvector(i, Vec<T>) + T(0.5)) * (T(1) / static_cast<T>(n));
  Mask<T> whole = __builtin_convertvector(q, Mask<T>);
  whole += __builtin_convertvector(whole, Vec<T>) > q;
  return i - whole * n;
}

/// i where it lies in 0 … n − 1; elsewhere 0, and no weight.
template <class T>
RANVIER_INLINE Mask<T> valid_only(Mask<T> i, Bits<T> n, Vec<T>& weight) {
  const Mask<T> valid = (i >= 0) & (i < n);
  weight = valid ? weight : Vec<T>{};
  return i & valid;
}
template <class T>
RANVIER_INLINE Mask<T> limited(Mask<T> i, Bits<T> n) {
  i = i < 0 ? Mask<T>{} : i;
  return i >= n ? Mask<T>{} + (n - 1) : i;
}

template <class T, Fill fill>
RANVIER_INLINE Pair<T> nearest_pixel(Vec<T> v, Bits<T> n) {
  Pair<T> pair;
  v = vec::rounded(v + rounding<T>) - rounding<T>;  // halves to even
  const Mask<T> i = __builtin_convertvector(v, Mask<T>);
  pair.weight[0] = Vec<T>{} + T(1);
  if (fill == Fill::constant) {
    pair.index[0] = valid_only<T>(i, n, pair.weight[0]);
  } else if (fill == Fill::nearest) {
    pair.index[0] = limited<T>(i, n);
  } else if (fill == Fill::wrap) {
    pair.index[0] = modulo<T>(i, n);
  } else {
    const Mask<T> m = modulo<T>(i, 2 * n);
    pair.index[0] = m >= n ? 2 * n - 1 - m : m;
  }
  return pair;
}

template <class T, Fill fill>
RANVIER_INLINE Pair<T> two_pixels(Vec<T> v, Bits<T> n) {
  const auto size = static_cast<T>(n);
  if (fill == Fill::reflect) {
    // Folded as a coordinate: the mirrored image is the same on both sides of −1/2, and of n − 1/2.
    v += T(0.5);
    v -= vec::floor<T>(v * (T(0.5) / size)) * (2 * size);
    v = vec::at_most(v, 2 * size - v) - T(0.5);
  } else if (fill == Fill::wrap) {
    v -= vec::floor<T>(v * (T(1) / size)) * size;
  }
  const Vec<T> low = vec::floor<T>(v);
  const Mask<T> i = __builtin_convertvector(low, Mask<T>);
  Pair<T> pair;
  pair.weight[1] = v - low;
  pair.weight[0] = T(1) - pair.weight[1];
  if (fill == Fill::constant) {
    pair.index[0] = valid_only<T>(i, n, pair.weight[0]);
    pair.index[1] = valid_only<T>(i + 1, n, pair.weight[1]);
  } else {
    // Rounding may leave a wrapped coordinate a step outside.
    const Mask<T> first = fill == Fill::wrap ? (i < 0 ? i + n : i >= n ? i - n : i) : i;
    const Mask<T> second = fill == Fill::wrap ? (i + 1 >= n ? i + 1 - n : i + 1) : i + 1;
    pair.index[0] = limited<T>(first, n);
    pair.index[1] = limited<T>(second, n);
  }
  return pair;
}

/// v, but nothing far outside, and no NaN (a vanishing denominator): integers must not overflow.
template <class T>
RANVIER_INLINE Vec<T> near(Vec<T> v, Index size) {
  const T far = T(8) * static_cast<T>(size);
  v = v > -far ? v : Vec<T>{} - far;
  return v < far ? v : Vec<T>{} + far;
}

/// The taps of `count` output pixels from (left, top) on, row after row of an image `across` pixels wide.
template <class T, Fill fill, bool bilinear>
void find_taps(const Input& from, const double* m, Index across, Index top, Index left, Index count, Taps<T>& taps) {
  const auto y = static_cast<double>(top);
  const bool flat = m[6] == 0 && m[7] == 0;
  const auto width = static_cast<Bits<T>>(from.width);
  const auto height = static_cast<Bits<T>>(from.height);
  const auto row = static_cast<Bits<T>>(from.row);
  const auto pixel = static_cast<Bits<T>>(from.pixel);
  // a·x + b·(rows below the first) + what the first row gives
  const auto at = [y](double a, double b, double c, Vec<T> x, Vec<T> below) {
    return x * static_cast<T>(a) + (below * static_cast<T>(b) + static_cast<T>(b * y + c));
  };
  for (Index k = 0; k < count; k += lanes<T>) {
    Vec<T> x = vec::iota<T>() + static_cast<T>(left + k);
    Vec<T> below{};
    if (across < narrow) {
      below = vec::floor<T>((x + T(0.5)) * (T(1) / static_cast<T>(across)));
      x -= below * static_cast<T>(across);
    }
    Vec<T> u = at(m[0], m[1], m[2], x, below);
    Vec<T> v = at(m[3], m[4], m[5], x, below);
    if (!flat) {
      const Vec<T> w = at(m[6], m[7], 1, x, below);
      u = near<T>(u / w, from.width);
      v = near<T>(v / w, from.height);
    }
    Pair<T> h;
    Pair<T> d;
    if constexpr (bilinear) {
      h = two_pixels<T, fill>(u, width);
      d = two_pixels<T, fill>(v, height);
    } else {
      h = nearest_pixel<T, fill>(u, width);
      d = nearest_pixel<T, fill>(v, height);
    }
    Vec<T> total{};
#pragma GCC unroll 4
    for (int t = 0; t < (bilinear ? 4 : 1); ++t) {
      const Vec<T> weight = d.weight[t / 2] * h.weight[t % 2];
      total += weight;
      vec::store<T>(taps.weight[t] + k, weight);
      vec::store<Bits<T>>(taps.offset[t] + k, d.index[t / 2] * row + h.index[t % 2] * pixel);
    }
    vec::store<T>(taps.lost + k, T(1) - total);
  }
}

template <class T>
using FindTaps = void (*)(const Input&, const double*, Index, Index, Index, Index, Taps<T>&);
template <class T, Fill fill>
FindTaps<T> find_taps_of(bool bilinear) {
  return bilinear ? find_taps<T, fill, true> : find_taps<T, fill, false>;
}
template <class T>
FindTaps<T> find_taps_of(const ImageRule& rule) {
  switch (rule.fill) {
    case Fill::constant:
      return find_taps_of<T, Fill::constant>(rule.bilinear);
    case Fill::nearest:
      return find_taps_of<T, Fill::nearest>(rule.bilinear);
    case Fill::wrap:
      return find_taps_of<T, Fill::wrap>(rule.bilinear);
    case Fill::reflect:
      break;
  }
  return find_taps_of<T, Fill::reflect>(rule.bilinear);
}

/// Calls f(taps, position of the first pixel in y, number of pixels) for every chunk of the output.
template <class T, class F>
RANVIER_INLINE void each_chunk(const ImageRule& rule, const Input& from, const ImageShape& to, const double* m, F f) {
  Taps<T> taps;
  const FindTaps<T> find = find_taps_of<T>(rule);
  const Index pixels = to.height * to.width;
  for (Index first = 0, count = 0; first < pixels; first += count) {
    const Index top = first / to.width;
    const Index left = first - top * to.width;
    count = std::min(chunk, to.width < narrow ? pixels - first : to.width - left);
    find(from, m, to.width, top, left, count, taps);
    f(taps, first * to.pixel(), count);
  }
}

template <class T, int taps_used>
RANVIER_INLINE T blend(const Taps<T>& taps, Index k, const T* x) {
  T sum = taps.weight[0][k] * x[taps.offset[0][k]];
#pragma GCC unroll 3
  for (int t = 1; t < taps_used; ++t) sum += taps.weight[t][k] * x[taps.offset[t][k]];
  return sum;
}

/// x[offset] in each lane.
template <class T>
RANVIER_INLINE Vec<T> gather(const T* x, Mask<T> offset) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_i32gather_ps((__m512i)offset, x, 4);
  } else {
    return (Vec<T>)_mm512_i64gather_pd((__m512i)offset, x, 8);
  }
#else
  Vec<T> v{};
  for (Index k = 0; k < lanes<T>; ++k) v[k] = x[offset[k]];
  return v;
#endif
}

/// `interleaved`: the number of channels where they come last and are few; 0: any, anywhere.
template <class T, int taps_used, int interleaved>
void sample(const ImageRule& rule, const Input& from, const ImageShape& to, const double* m, const T* x, T* y) {
  const auto fill = static_cast<T>(rule.fill == Fill::constant ? rule.fill_values[0] : 0);
  each_chunk<T>(rule, from, to, m, [&](const Taps<T>& taps, Index at, Index count) {
    if constexpr (interleaved > 0) {
      for (Index k = 0; k < count; k += lanes<T>) {
        const Vec<T> base = vec::load(taps.lost + k) * fill;
        alignas(64) T sums[interleaved][lanes<T>];
        for (Index c = 0; c < interleaved; ++c) {
          Vec<T> sum = base;
#pragma GCC unroll 4
          for (int t = 0; t < taps_used; ++t) {
            sum += vec::load(taps.weight[t] + k) * gather<T>(x + c, vec::load(taps.offset[t] + k));
          }
          if constexpr (interleaved == 1) {
            vec::store<T>(y + at + k, sum, count - k);
          } else {
            vec::store<T>(sums[c], sum);
          }
        }
        if constexpr (interleaved > 1) {
          T* out = y + at + k * interleaved;
          for (Index i = 0; i < std::min(lanes<T>, count - k); ++i) {
            for (Index c = 0; c < interleaved; ++c) out[i * interleaved + c] = sums[c][i];
          }
        }
      }
    } else {
      for (Index c = 0; c < from.channels; ++c) {
        const T* in = x + c * from.channel;
        T* out = y + at + c * to.channel();
        for (Index k = 0; k < count; ++k) {
          out[k * to.pixel()] = blend<T, taps_used>(taps, k, in) + taps.lost[k] * fill;
        }
      }
    }
  });
}

template <class T, int taps_used>
void sample(const ImageRule& rule, const Input& from, const ImageShape& to, const double* m, const T* x, T* y) {
  if (from.channels == 1) {
    sample<T, taps_used, 1>(rule, from, to, m, x, y);
  } else if (from.channels == 3 && from.channel == 1) {
    sample<T, taps_used, 3>(rule, from, to, m, x, y);
  } else {
    sample<T, taps_used, 0>(rule, from, to, m, x, y);
  }
}

template <class T>
void scatter(const ImageRule& rule, const Input& from, const ImageShape& to, const double* m, const T* dy, T* dx) {
  const int used = rule.bilinear ? 4 : 1;
  each_chunk<T>(rule, from, to, m, [&](const Taps<T>& taps, Index at, Index count) {
    for (Index k = 0; k < count; ++k) {
      for (Index c = 0; c < from.channels; ++c) {
        const T g = dy[at + k * to.pixel() + c * to.channel()];
        for (int t = 0; t < used; ++t) dx[taps.offset[t][k] + c * from.channel] += taps.weight[t][k] * g;
      }
    }
  });
}

}  // namespace

template <class T>
void sample_image(const ImageRule& rule, const ImageShape& shape, const double* p, const T* x, T* y) {
  if (rule.bilinear) {
    sample<T, 4>(rule, Input(shape), shape, p, x, y);
  } else {
    sample<T, 1>(rule, Input(shape), shape, p, x, y);
  }
}

template <class T>
void sample_image_backward(const ImageRule& rule, const ImageShape& shape, const double* p, const T* dy, T* dx) {
  scatter<T>(rule, Input(shape), shape, p, dy, dx);
}

#define RANVIER_INSTANTIATE(T)                                                                     \
  template void sample_image<T>(const ImageRule&, const ImageShape&, const double*, const T*, T*); \
  template void sample_image_backward<T>(const ImageRule&, const ImageShape&, const double*, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
