#include "ranvier/kernels/conv_depthwise.h"

#include <cstring>

#include "ranvier/kernels/conv_depthwise_walk.h"
#include "ranvier/kernels/conv_simple.h"
#include "ranvier/kernels/pieces.h"

// Vectors run over channels. A row of results is made pixel by pixel: four neighbours together where no tap falls outside
// (their taps overlap, so each source is read once for all of them), one after the other at the edges and for windows
// that are not side by side.
namespace ranvier::kernels {
namespace {

using conv_detail::Span;
using depthwise::each_vector;
using depthwise::Gather;
using depthwise::get;
using depthwise::put;
using depthwise::Walk;
using vec::Vec;

constexpr Index grain = Index{1} << 15;  // results of a piece
constexpr int together = 4;              // neighbours made at once

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

/// P neighbouring results from `position` on, at channels c …: K taps side by side, sources Step apart.
template <class T, int P, int K, int Step, bool Full>
RANVIER_INLINE void neighbours(const Row<T>& row, Index position, Index first, Index c, Index left) {
  const Index n = row.channels;
  T* to = row.to + position * n + c;
  std::array<Vec<T>, P> sum;
  for (int p = 0; p < P; ++p) sum[static_cast<std::size_t>(p)] = row.template start<Full>(to + p * n, c, left);
  const bool flip = row.gather.backward;
  row.each([&](const T* source, const T* taps) {
    std::array<Vec<T>, K> w;
    for (int k = 0; k < K; ++k) {
      w[static_cast<std::size_t>(k)] = get<T, Full>(taps + (flip ? K - 1 - k : k) * n + c, left);
    }
#pragma GCC unroll 32
    for (int q = 0; q < (P - 1) * Step + K; ++q) {
      const Vec<T> v = get<T, Full>(source + (first + q) * n + c, left);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const int k = q - p * Step;
        if (k >= 0 && k < K) sum[static_cast<std::size_t>(p)] += v * w[static_cast<std::size_t>(k)];
      }
    }
  });
  for (int p = 0; p < P; ++p) put<T, Full>(to + p * n, sum[static_cast<std::size_t>(p)], left);
}

template <class T, int P, int K, int Step>
void all_channels(const Row<T>& row, Index position) {
  const Index first = position * Step - row.gather.margin();
  each_vector<T>(row.channels, [&]<bool Full>(Index c, Index left) {
    neighbours<T, P, K, Step, Full>(row, position, first, c, left);
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

template <class T, int K, int Step>
void regular_row(const Row<T>& row) {
  const Span whole = row.gather.whole();
  Index p = 0;
  for (; p < whole.begin; ++p) pixel(row, p);
  for (; p + together <= whole.end; p += together) all_channels<T, together, K, Step>(row, p);
  for (; p < whole.end; ++p) all_channels<T, 1, K, Step>(row, p);
  for (; p < row.gather.to[2]; ++p) pixel(row, p);
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
  const RowFn make = depthwise::with_window(
      gather.regular(), gather.kernel[2], gather.step(),
      []<int K, int Step>() -> RowFn { return &regular_row<T, K, Step>; }, []() -> RowFn { return &any_row<T>; });
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
