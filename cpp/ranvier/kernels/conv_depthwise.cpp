#include "ranvier/kernels/conv_depthwise.h"

#include <cstring>

#include "ranvier/kernels/conv_depthwise_walk.h"
#include "ranvier/kernels/conv_simple.h"
#include "ranvier/kernels/pieces.h"

// Vectors run over channels. A row of results is made a few neighbours at a time: their windows overlap, so each source is
// read once for all of them and each tap once for several. Windows with gaps go pixel by pixel.
namespace ranvier::kernels {
namespace {

using conv_detail::Span;
using depthwise::each_vector;
using depthwise::Gather;
using depthwise::get;
using depthwise::put;
using depthwise::unrolled;
using depthwise::Walk;
using vec::Vec;

constexpr Index grain = Index{1} << 15;  // results of a piece

/// A row of results: the sources and taps it meets along the outer axes.
template <class T>
struct Row {
  const Gather& gather;
  Walk a0;
  Walk a1;
  const T* from;  ///< the image
  const T* w;
  const T* bias;  ///< or null
  T* to;
  Index channels;
  bool accumulate;

  /// Calls f(source row, taps of the row) for all that are met.
  template <class F>
  RANVIER_INLINE void each(F f) const {
    for (Index i = 0; i < a0.count; ++i) {
      for (Index j = 0; j < a1.count; ++j) {
        const Index source = (a0.at + i * a0.step) * gather.from[1] + a1.at + j * a1.step;
        const Index tap = (a0.tap + i * a0.tap_step) * gather.kernel[1] + a1.tap + j * a1.tap_step;
        f(from + source * gather.from[2] * channels, w + tap * gather.kernel[2] * channels);
      }
    }
  }
  template <bool Full>
  RANVIER_INLINE Vec<T> start(const T* at, Index c, Index left) const {
    if (accumulate) return get<T, Full>(at, left);
    return bias != nullptr ? get<T, Full>(bias + c, left) : Vec<T>{};
  }
};

/// Windows of K taps side by side along the last axis. Neighbour p of a first position meets source q (counted from the
/// first one that any of them meets) with tap(q, p), if that is a tap.
template <int taps, int step, bool backward>
struct Window {
  static constexpr int K = taps;
  static constexpr int reach = (K - 1) / step;
  static constexpr int tap(int q, int p) { return backward ? p + step * (reach - q) : q - p * step; }
  static constexpr int sources(int neighbours) {
    return backward ? (neighbours - 1 + step * reach) / step + 1 : (neighbours - 1) * step + K;
  }
  /// Backward, every step-th position begins such a pattern.
  static bool begins(const Gather& g, Index position) { return !backward || (position + g.before[2]) % step == 0; }
  static Index first(const Gather& g, Index position) {
    return backward ? (position + g.before[2]) / step - reach : position * step - g.before[2];
  }
  static constexpr bool any_number = !backward || step == 1;  ///< of neighbours; else a multiple of step
};

/// P neighbouring results from `position` on, at channels c ….
template <class T, int P, class W, bool Full, bool Inside>
RANVIER_INLINE void neighbours(const Row<T>& row, Index position, Index first, Index c, Index left) {
  const Index n = row.channels;
  const Index size = row.gather.from[2];
  T* to = row.to + position * n + c;
  std::array<Vec<T>, P> sum;
  for (int p = 0; p < P; ++p) sum[static_cast<std::size_t>(p)] = row.template start<Full>(to + p * n, c, left);
  row.each([&](const T* source, const T* taps) __attribute__((always_inline)) {
    std::array<Vec<T>, W::K> w;
    for (int k = 0; k < W::K; ++k) w[static_cast<std::size_t>(k)] = get<T, Full>(taps + k * n + c, left);
    unrolled<W::sources(P)>([&](auto q) __attribute__((always_inline)) {
      if (!Inside && (first + q < 0 || first + q >= size)) return;
      const Vec<T> v = get<T, Full>(source + (first + q) * n + c, left);
      unrolled<P>([&](auto p) __attribute__((always_inline)) {
        constexpr int k = W::tap(q, p);
        if constexpr (k >= 0 && k < W::K) sum[p] += v * w[k];
      });
    });
  });
  for (int p = 0; p < P; ++p) put<T, Full>(to + p * n, sum[static_cast<std::size_t>(p)], left);
}

template <class T, int P, class W>
void all_channels(const Row<T>& row, Index position) {
  const Index first = W::first(row.gather, position);
  const bool inside = first >= 0 && first + W::sources(P) <= row.gather.from[2];
  each_vector<T>(row.channels, [&]<bool Full>(Index c, Index left) {
    if constexpr (Full) {
      if (inside) return neighbours<T, P, W, true, true>(row, position, first, c, left);
    }
    neighbours<T, P, W, Full, false>(row, position, first, c, left);
  });
}

/// One result, whatever it meets.
template <class T>
void pixel(const Row<T>& row, Index position) {
  const Walk a2 = row.gather.walk(2, position);
  const Index n = row.channels;
  T* to = row.to + position * n;
  each_vector<T>(n, [&]<bool Full>(Index c, Index left) {
    Vec<T> sum = row.template start<Full>(to + c, c, left);
    row.each([&](const T* source, const T* taps) {
      for (Index k = 0; k < a2.count; ++k) {
        sum += get<T, Full>(source + (a2.at + k * a2.step) * n + c, left) *
               get<T, Full>(taps + (a2.tap + k * a2.tap_step) * n + c, left);
      }
    });
    put<T, Full>(to + c, sum, left);
  });
}

template <class T, class W>
void window_row(const Row<T>& row) {
  const Index count = row.gather.to[2];
  Index p = 0;
  for (; p < count && !W::begins(row.gather, p); ++p) pixel(row, p);
  if constexpr (W::any_number) {  // images are halved down to 7 pixels as often as to 4
    for (; count % 7 == 0 && p < count; p += 7) all_channels<T, 7, W>(row, p);
  }
  for (; p + 4 <= count; p += 4) all_channels<T, 4, W>(row, p);
  for (; p < count; ++p) {
    if constexpr (W::any_number) {
      all_channels<T, 1, W>(row, p);
    } else {
      pixel(row, p);
    }
  }
}

template <class T>
void any_row(const Row<T>& row) {
  for (Index p = 0; p < row.gather.to[2]; ++p) pixel(row, p);
}

template <class T>
void run(const ConvGeometry& g, bool backward, const T* from, const T* w, T* to, bool accumulate,
         const Epilogue<T>* epilogue) {
  const Gather gather(g, backward);
  using RowFn = void (*)(const Row<T>&);
  const RowFn make = depthwise::with_window<T>(
      g,
      [&]<int K, int Step>() -> RowFn {
        return backward ? &window_row<T, Window<K, Step, true>> : &window_row<T, Window<K, Step, false>>;
      },
      []() -> RowFn { return &any_row<T>; });
  const Index n = g.channels_in;
  const Index rows = gather.to[0] * gather.to[1];
  const Index length = gather.to[2] * n;
  const Index image = gather.from[0] * gather.from[1] * gather.from[2] * n;
  parallel_for(g.batch * rows, rows_for(g.batch * rows, length, grain), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index o = r % rows;
      T* line = to + r * length;
      make({gather, gather.walk(0, o / gather.to[1]), gather.walk(1, o % gather.to[1]), from + r / rows * image, w,
            epilogue != nullptr ? epilogue->bias : nullptr, line, n, accumulate});
      if (epilogue == nullptr) continue;
      if (epilogue->preactivation != nullptr) {
        std::memcpy(epilogue->preactivation + r * length, line, static_cast<std::size_t>(length) * sizeof(T));
      }
      if (epilogue->activation != nullptr) epilogue->activation(epilogue->args, gather.to[2], n, line, n);
    }
  });
}

}  // namespace

template <class T>
void depthwise_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue) {
  if (g.channels_out != g.channels_in) return conv_detail::simple_forward(g, x, w, y, epilogue);
  run(g, false, x, w, y, false, epilogue);
}

template <class T>
void depthwise_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                              const Epilogue<T>* epilogue) {
  if (g.channels_out != g.channels_in) {
    return conv_detail::simple_input_gradient(g, dy, w, dx, accumulate, epilogue);
  }
  run(g, true, dy, w, dx, accumulate, epilogue);
}

#define RANVIER_INSTANTIATE(T)                                                                         \
  template void depthwise_forward<T>(const ConvGeometry&, const T*, const T*, T*, const Epilogue<T>*); \
  template void depthwise_input_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool, const Epilogue<T>*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
