#include "ranvier/kernels/conv_depthwise.h"
#include "ranvier/kernels/conv_depthwise_walk.h"
#include "ranvier/kernels/conv_simple.h"
#include "ranvier/kernels/gemm_pack.h"
#include "ranvier/kernels/pieces.h"

// dw[t] = Σ x[o·stride + t·dilation − before]·dy[o] channel by channel, vectors over channels. The rows of outputs are cut
// in at most 16 pieces with sums of their own, added up in order. Within a row the sums of a window's row, or of all of a
// 3×3 window, stay in registers while dy passes by.
namespace ranvier::kernels {
namespace {

using conv_detail::Span;
using depthwise::each_vector;
using depthwise::Gather;
using depthwise::get;
using depthwise::put;
using depthwise::Walk;
using vec::Vec;

constexpr Index grain = Index{1} << 15;  // outputs worth a piece of their own
constexpr Index max_pieces = 16;

thread_local gemm_detail::Scratch scratch_sums;

/// One row of outputs with a row of x, or with R of them that lie `apart`.
template <class T>
struct Rows {
  const Gather& gather;
  const T* x;
  Index apart;
  const T* dy;
  T* sums;  ///< of the first row's taps; those of the next rows follow
  Index channels;
};

/// R rows of K taps side by side.
template <class T, int R, int K, int Step>
void add_rows(const Rows<T>& rows) {
  const Index n = rows.channels;
  const Index margin = rows.gather.before[2];
  const Index size = rows.gather.from[2];
  const Index count = rows.gather.to[2];
  // The outputs for which no tap falls outside.
  const Span outputs = conv_detail::inside(-margin, Step, count, std::max<Index>(size - K + 1, 0));
  each_vector<T>(n, [&]<bool Full>(Index c, Index left) {
    std::array<std::array<Vec<T>, K>, R> sum;
    for (int r = 0; r < R; ++r) {
      for (int k = 0; k < K; ++k) {
        sum[static_cast<std::size_t>(r)][static_cast<std::size_t>(k)] =
            get<T, Full>(rows.sums + (r * K + k) * n + c, left);
      }
    }
    const auto add = [&](Index o, int k_begin, int k_end) __attribute__((always_inline)) {
      const Vec<T> d = get<T, Full>(rows.dy + o * n + c, left);
      const T* x = rows.x + (o * Step - margin) * n + c;
#pragma GCC unroll 3
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 7
        for (int k = 0; k < K; ++k) {
          if (k >= k_begin && k < k_end) {
            sum[static_cast<std::size_t>(r)][static_cast<std::size_t>(k)] +=
                get<T, Full>(x + r * rows.apart + k * n, left) * d;
          }
        }
      }
    };
    const auto edge = [&](Index o) {
      const Index first = o * Step - margin;
      add(o, static_cast<int>(std::clamp<Index>(-first, 0, K)),
          static_cast<int>(std::clamp<Index>(size - first, 0, K)));
    };
    Index o = 0;
    for (; o < outputs.begin; ++o) edge(o);
    for (; o < outputs.end; ++o) add(o, 0, K);
    for (; o < count; ++o) edge(o);
    for (int r = 0; r < R; ++r) {
      for (int k = 0; k < K; ++k) {
        put<T, Full>(rows.sums + (r * K + k) * n + c, sum[static_cast<std::size_t>(r)][static_cast<std::size_t>(k)],
                     left);
      }
    }
  });
}

/// One row of taps of any kind, tap by tap; four outputs in turn, so that the additions overlap.
template <class T>
void add_taps(const ConvGeometry& g, const Rows<T>& rows) {
  const Index n = rows.channels;
  for (Index t = 0; t < g.kernel[2]; ++t) {
    const Span outputs = conv_detail::outputs_inside(g, 2, t);
    const T* x = rows.x + (t * g.dilation[2] - g.before[2]) * n;
    const Index step = g.stride[2] * n;
    each_vector<T>(n, [&]<bool Full>(Index c, Index left) {
      std::array<Vec<T>, 4> sum{};
      const auto product = [&](Index o) {
        return get<T, Full>(x + o * step + c, left) * get<T, Full>(rows.dy + o * n + c, left);
      };
      Index o = outputs.begin;
      for (; o + 4 <= outputs.end; o += 4) {
#pragma GCC unroll 4
        for (Index i = 0; i < 4; ++i) sum[static_cast<std::size_t>(i)] += product(o + i);
      }
      for (; o < outputs.end; ++o) sum[0] += product(o);
      T* to = rows.sums + t * n + c;
      put<T, Full>(to, get<T, Full>(to, left) + ((sum[0] + sum[1]) + (sum[2] + sum[3])), left);
    });
  }
}

template <class T>
struct Adders {
  void (*one)(const Rows<T>&) = nullptr;    ///< null: tap by tap
  void (*three)(const Rows<T>&) = nullptr;  ///< all rows of a 3×3 window
};

template <class T>
Adders<T> adders_for(const ConvGeometry& g) {
  return depthwise::with_window<T>(
      g,
      [&]<int K, int Step>() {
        const bool square = K == 3 && g.kernel[0] == 1 && g.kernel[1] == 3;
        return Adders<T>{&add_rows<T, 1, K, Step>, square ? &add_rows<T, 3, K, Step> : nullptr};
      },
      [] { return Adders<T>{}; });
}

/// Adds the rows [begin, end) of all images' outputs to sums.
template <class T>
void add_piece(const ConvGeometry& g, const Gather& gather, const Adders<T>& adders, const T* x, const T* dy,
               Index begin, Index end, T* sums) {
  const Index n = g.channels_in;
  const Index line = g.in[2] * n;
  const Index row_taps = g.kernel[2] * n;
  const Index in_image = g.out[0] * g.out[1];
  for (Index r = begin; r < end; ++r) {
    const Index o = r % in_image;
    const Walk a0 = gather.walk(0, o / g.out[1]);
    const Walk a1 = gather.walk(1, o % g.out[1]);
    const T* image = x + r / in_image * g.pixels_in() * n;
    const T* d = dy + r * g.out[2] * n;
    if (adders.three != nullptr && a0.count == 1 && a1.count == 3) {
      adders.three({gather, image + (a0.at * g.in[1] + a1.at) * line, a1.step * line, d, sums, n});
      continue;
    }
    for (Index i = 0; i < a0.count; ++i) {
      for (Index j = 0; j < a1.count; ++j) {
        const T* source = image + ((a0.at + i * a0.step) * g.in[1] + a1.at + j * a1.step) * line;
        T* to = sums + ((a0.tap + i) * g.kernel[1] + a1.tap + j) * row_taps;
        const Rows<T> rows{gather, source, 0, d, to, n};
        if (adders.one != nullptr) {
          adders.one(rows);
        } else {
          add_taps(g, rows);
        }
      }
    }
  }
}

}  // namespace

template <class T>
void depthwise_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate) {
  if (g.channels_out != g.channels_in) return conv_detail::simple_weight_gradient(g, x, dy, dw, accumulate);
  const Gather gather(g, false);
  const Adders<T> adders = adders_for<T>(g);
  const Index rows = g.batch * g.out[0] * g.out[1];
  const Index size =
      std::max({(rows + max_pieces - 1) / max_pieces, rows_for(rows, g.out[2] * g.channels_in, grain), Index{1}});
  const Index pieces = std::max<Index>(1, (rows + size - 1) / size);
  const Index weights = g.taps() * g.channels_in;
  T* parts = static_cast<T*>(scratch_sums.get(static_cast<std::size_t>(pieces * weights) * sizeof(T)));
  parallel_for(pieces, 1, [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p) {
      T* sums = parts + p * weights;
      std::fill_n(sums, weights, T(0));
      add_piece(g, gather, adders, x, dy, p * size, std::min(rows, (p + 1) * size), sums);
    }
  });
  parallel_for(weights, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T sum = parts[i];
      for (Index p = 1; p < pieces; ++p) sum += parts[p * weights + i];
      dw[i] = accumulate ? dw[i] + sum : sum;
    }
  });
}

template void depthwise_weight_gradient<float>(const ConvGeometry&, const float*, const float*, float*, bool);
template void depthwise_weight_gradient<double>(const ConvGeometry&, const double*, const double*, double*, bool);

}  // namespace ranvier::kernels
