// Images seen through a projective map: each output pixel reads the input between up to four pixels.
#include <algorithm>

#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

using vec::Bits;
using vec::lanes;
using vec::Mask;
using vec::Vec;

constexpr Index chunk = 64;  // pixels of a row whose taps are worked out at once
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

template <class T>
RANVIER_INLINE Mask<T> inside(Fill fill, Mask<T> i, Bits<T> size, Vec<T>& weight) {
  switch (fill) {
    case Fill::constant: {
      const Mask<T> valid = (i >= 0) & (i < size);
      weight = valid ? weight : Vec<T>{};
      return i & valid;
    }
    case Fill::nearest:
      i = i < 0 ? Mask<T>{} : i;
      return i >= size ? Mask<T>{} + (size - 1) : i;
    case Fill::wrap:
      return modulo<T>(i, size);
    case Fill::reflect: {
      const Mask<T> m = modulo<T>(i, 2 * size);
      return m >= size ? 2 * size - 1 - m : m;
    }
  }
  return Mask<T>{};
}

template <class T>
RANVIER_INLINE Pair<T> neighbours(Fill fill, bool bilinear, Vec<T> v, Index size) {
  // Far outside, and NaN (a vanishing denominator), is brought near: integers must not overflow.
  const T far = T(8) * static_cast<T>(size);
  v = v > -far ? v : Vec<T>{} - far;
  v = v < far ? v : Vec<T>{} + far;
  const auto n = static_cast<Bits<T>>(size);
  Pair<T> pair;
  if (!bilinear) {
    v = vec::rounded(v + rounding<T>) - rounding<T>;  // halves to even
    pair.weight[0] = Vec<T>{} + T(1);
    pair.index[0] = inside<T>(fill, __builtin_convertvector(v, Mask<T>), n, pair.weight[0]);
    return pair;
  }
  Mask<T> low = __builtin_convertvector(v, Mask<T>);
  low += __builtin_convertvector(low, Vec<T>) > v;
  pair.weight[1] = v - __builtin_convertvector(low, Vec<T>);
  pair.weight[0] = T(1) - pair.weight[1];
  pair.index[0] = inside<T>(fill, low, n, pair.weight[0]);
  pair.index[1] = inside<T>(fill, low + 1, n, pair.weight[1]);
  return pair;
}

/// The taps of output pixels (left + k, top).
template <class T>
void find_taps(const ImageRule& rule, const Input& from, const double* m, Index top, Index left, Index count,
               Taps<T>& taps) {
  const auto y = static_cast<double>(top);
  const bool flat = m[6] == 0 && m[7] == 0;
  const auto row = static_cast<Bits<T>>(from.row);
  const auto pixel = static_cast<Bits<T>>(from.pixel);
  const auto line = [](double step, double start, Vec<T> x) {
    return x * static_cast<T>(step) + static_cast<T>(start);
  };
  for (Index k = 0; k < count; k += lanes<T>) {
    const Vec<T> x = vec::iota<T>() + static_cast<T>(left + k);
    Vec<T> u = line(m[0], m[1] * y + m[2], x);
    Vec<T> v = line(m[3], m[4] * y + m[5], x);
    if (!flat) {
      const Vec<T> w = line(m[6], m[7] * y + 1, x);
      u = u / w;
      v = v / w;
    }
    const Pair<T> h = neighbours<T>(rule.fill, rule.bilinear, u, from.width);
    const Pair<T> d = neighbours<T>(rule.fill, rule.bilinear, v, from.height);
    Vec<T> total{};
    for (int t = 0; t < (rule.bilinear ? 4 : 1); ++t) {
      const Vec<T> weight = d.weight[t / 2] * h.weight[t % 2];
      total += weight;
      vec::store<T>(taps.weight[t] + k, weight);
      vec::store<Bits<T>>(taps.offset[t] + k, d.index[t / 2] * row + h.index[t % 2] * pixel);
    }
    vec::store<T>(taps.lost + k, T(1) - total);
  }
}

/// Calls f(taps, position of the first pixel in y, number of pixels) for every chunk of the output.
template <class T, class F>
RANVIER_INLINE void each_chunk(const ImageRule& rule, const Input& from, const ImageShape& to, const double* m, F f) {
  Taps<T> taps;
  for (Index top = 0; top < to.height; ++top) {
    for (Index left = 0; left < to.width; left += chunk) {
      const Index count = std::min(chunk, to.width - left);
      find_taps<T>(rule, from, m, top, left, count, taps);
      f(taps, top * to.row() + left * to.pixel(), count);
    }
  }
}

template <class T, int taps_used>
RANVIER_INLINE T blend(const Taps<T>& taps, Index k, const T* x) {
  T sum = taps.weight[0][k] * x[taps.offset[0][k]];
#pragma GCC unroll 3
  for (int t = 1; t < taps_used; ++t) sum += taps.weight[t][k] * x[taps.offset[t][k]];
  return sum;
}

/// `interleaved`: the number of channels where they come last and are few; 0: any, anywhere.
template <class T, int taps_used, int interleaved>
void sample(const ImageRule& rule, const Input& from, const ImageShape& to, const double* m, const T* x, T* y) {
  const auto fill = static_cast<T>(rule.fill == Fill::constant ? rule.fill_values[0] : 0);
  each_chunk<T>(rule, from, to, m, [&](const Taps<T>& taps, Index at, Index count) {
    if constexpr (interleaved > 0) {
      for (Index k = 0; k < count; ++k) {
#pragma GCC unroll 4
        for (Index c = 0; c < interleaved; ++c) {
          y[at + k * interleaved + c] = blend<T, taps_used>(taps, k, x + c) + taps.lost[k] * fill;
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
