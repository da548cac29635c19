// The register tile of convolution: rows × vectors of sums stay in registers while the tile passes over runs of steps.
// Rows come in groups; a group has one pointer and its rows are evenly spaced, so groups may lie anywhere.
//   pixels (by_columns = false): a row is an output pixel, a step a channel of a tap, a run what is contiguous in x.
//   channels (by_columns = true): a row is an input channel of a tap, a step an output pixel, a run a row of pixels.
#pragma once

#include <array>
#include <utility>

#include "ranvier/kernels/gemm_simd.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels::conv_detail {

using gemm_detail::Lanes;
using gemm_detail::load;
using gemm_detail::max_rows;
using gemm_detail::store;
using gemm_detail::Vec;
using gemm_detail::width;

constexpr int max_groups = 6;
// One vector leaves room for twice the rows.
constexpr int rows_limit(int vectors) { return vectors == 1 ? 2 * max_rows : max_rows; }

/// c[group][row] = [c +] Σ over runs and steps of a·b [+ bias], then max(·, 0) with `relu`.
template <class T>
struct Tile {
  const T* a[max_groups];
  Index a_stride;        ///< pixels: from row to row; channels: from step to step
  const Index* offsets;  ///< of the runs, added to each a
  Index runs;
  Index length;  ///< steps in a run
  const T* b;    ///< a row of vectors a step, all runs one after the other
  Index b_stride;
  T* c[max_groups];
  Index ldc;
  int last;  ///< valid columns of the last vector, 1 … width
  bool accumulate;
  bool relu;
  const T* bias;
};

template <class T>
using TileKernel = void (*)(const Tile<T>&);

// Rows at p, p + s, …: five of them share one pointer by x86's scaled index.
template <class T, int L>
struct PixelReader {
  static constexpr int pointers = (L + 4) / 5;
  const char* base[pointers];

  void start(const T* a, Index s1) {
    for (int i = 0; i < pointers; ++i) base[i] = reinterpret_cast<const char*>(a) + 5 * i * s1;
  }
  T at(int row, Index s1, Index s3) const {
    const int r = row % 5;
    return *reinterpret_cast<const T*>(base[row / 5] + (r == 3 ? s3 : r * s1));
  }
  void advance(Index) {
    for (int i = 0; i < pointers; ++i) base[i] += sizeof(T);
  }
};

template <class T, int L>
struct ChannelReader {
  const char* base;

  void start(const T* a, Index) { base = reinterpret_cast<const char*>(a); }
  T at(int row, Index, Index) const { return reinterpret_cast<const T*>(base)[row]; }
  void advance(Index s1) { base += s1; }
};

template <class T, int G, int L, int NV, bool by_columns>
void tile_kernel(const Tile<T>& t) {
  constexpr int w = width<T>;
  using Reader = std::conditional_t<by_columns, ChannelReader<T, L>, PixelReader<T, L>>;
  const Index s1 = t.a_stride * static_cast<Index>(sizeof(T));
  const Index s3 = 3 * s1;
  const T* b = t.b;
  const Index b_stride = t.b_stride;
  Vec<T> sum[G * L][NV] = {};
  for (Index run = 0; run < t.runs; ++run) {
    Reader a[G];
    const Index offset = t.offsets[run];
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) a[g].start(t.a[g] + offset, s1);
    for (Index step = t.length; step > 0; --step) {
      Vec<T> row[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) row[v] = load(b + v * w);
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) {
          const Vec<T> x = gemm_detail::broadcast<T>(a[g].at(i, s1, s3));
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) sum[g * L + i][v] += x * row[v];
        }
        a[g].advance(s1);
      }
      b += b_stride;
    }
  }

  const auto finish = [&](int v, bool full) __attribute__((always_inline)) {
    const Lanes<T> lanes(full ? w : t.last);
    const auto get = [&](const T* p) { return full ? load(p) : lanes.load(p); };
    const Vec<T> bias = t.bias != nullptr ? get(t.bias + v * w) : Vec<T>{};
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) {
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) {
        Vec<T> s = sum[g * L + i][v];
        T* c = t.c[g] + i * t.ldc + v * w;
        if (t.accumulate) s += get(c);
        if (t.bias != nullptr) s += bias;
        if (t.relu) s = vec::at_least(s, T(0));
        if (full) {
          store(c, s);
        } else {
          lanes.store(c, s);
        }
      }
    }
  };
#pragma GCC unroll 4
  for (int v = 0; v + 1 < NV; ++v) finish(v, true);
  if (t.last == w) {
    finish(NV - 1, true);
  } else {
    finish(NV - 1, false);
  }
}

/// Which tiles exist: G groups of L rows.
constexpr bool has_tile(int groups, int rows, int vectors) {
  if (groups * rows > rows_limit(vectors) || rows > max_rows) return false;
  return groups == 1 || (rows <= 5 ? groups <= max_groups : groups * ((rows + 4) / 5) <= max_groups);
}

template <class T, int NV, bool by_columns>
constexpr auto tile_table() {
  std::array<std::array<TileKernel<T>, max_rows + 1>, max_groups + 1> table{};
  const auto put = [&]<int G, int L>(std::integral_constant<int, G>, std::integral_constant<int, L>) {
    if constexpr (has_tile(G, L, NV)) table[G][L] = &tile_kernel<T, G, L, NV, by_columns>;
  };
  const auto put_groups = [&]<int G, int... L>(std::integral_constant<int, G> g, std::integer_sequence<int, L...>) {
    (put(g, std::integral_constant<int, L + 1>{}), ...);
  };
  [&]<int... G>(std::integer_sequence<int, G...>) {
    (put_groups(std::integral_constant<int, G + 1>{}, std::make_integer_sequence<int, max_rows>{}), ...);
  }
  (std::make_integer_sequence<int, max_groups>{});
  return table;
}

template <class T, int NV, bool by_columns>
inline constexpr auto tiles = tile_table<T, NV, by_columns>();

/// `vectors` is 1 or 2.
template <class T, bool by_columns>
TileKernel<T> tile_for(int groups, int rows, int vectors) {
  const auto g = static_cast<std::size_t>(groups);
  const auto r = static_cast<std::size_t>(rows);
  return vectors == 1 ? tiles<T, 1, by_columns>[g][r] : tiles<T, 2, by_columns>[g][r];
}

/// A line of `n` rows cut into `parts` nearly equal groups, `groups` of them to a tile.
struct Cut {
  Index parts;
  int groups;
};

/// The cut whose tiles hold most rows; tiles take several groups when these are of one length.
inline Cut cut_line(Index n, int vectors) {
  const int limit = rows_limit(vectors);
  const Index longest = std::min<Index>(max_rows, limit);
  Cut best{n, 1};
  int most = 0;
  for (Index parts = (n + longest - 1) / longest; parts <= n; ++parts) {
    const int rows = static_cast<int>((n + parts - 1) / parts);
    int groups = 1;
    while (n % parts == 0 && groups < max_groups && has_tile(groups + 1, rows, vectors)) ++groups;
    const int held = static_cast<int>(n / parts) * groups;
    if (held > most) {
      most = held;
      best = {parts, groups};
    }
    if (rows <= 2) break;
  }
  return best;
}

}  // namespace ranvier::kernels::conv_detail
