// The register tile of convolution: rows × vectors of sums stay in registers while the tile passes over steps.
// Rows come in groups; a group has one pointer and its rows are evenly spaced, so groups may lie anywhere.
//   PixelTile: a row is an output pixel, a step an input channel of a tap. Steps come in runs, contiguous in x.
//   ChannelTile: a row is an input channel of a tap, a step an output pixel, anywhere.
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

/// What both have: c[group][row] = [c +] Σ over steps of a·b [+ bias], then max(·, 0) with `relu`.
template <class T>
struct Tile {
  const T* a[max_groups];
  const T* b;
  T* c[max_groups];
  Index ldc;
  int last;  ///< valid columns of the last vector, 1 … width
  bool accumulate;
  bool relu;
  const T* bias;
};

/// A run of steps: how far from a and b it begins.
struct Run {
  Index a;
  Index b;
};
template <class T>
struct PixelTile : Tile<T> {
  Index a_stride;  ///< from row to row
  Index b_stride;  ///< from step to step
  const Run* runs;
  Index count;
  Index length;  ///< steps in a run
};

/// Rows of a group are neighbours. A step reads a and b where its Run says.
template <class T>
struct ChannelTile : Tile<T> {
  const Run* steps;
  Index count;
};

// Sums of fewer than eight vectors would wait for each other: multiply-adds take four cycles and two start in each. So
// small tiles deal their steps to several sets of sums.
template <int G, int L, int NV>
constexpr int chains_of = G* L* NV >= 8   ? 1
                          : G* L* NV >= 4 ? 2
                                          : 4;

// Steps taken at once; two of them leave the processor more room to look ahead (measured: 6 % where data is in L2).
constexpr int unrolled(int chains) { return chains > 2 ? chains : 2; }

template <class T, int MR, int NV, int chains>
struct Sums {
  Vec<T> at[chains][MR][NV] = {};

  void merge() {
#pragma GCC unroll 4
    for (int chain = 1; chain < chains; ++chain) {
#pragma GCC unroll 32
      for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) at[0][i][v] += at[chain][i][v];
      }
    }
  }
};

template <int G, int L, class T, int MR, int NV, int chains>
RANVIER_INLINE void put_tile(const Tile<T>& t, Sums<T, MR, NV, chains>& sums) {
  constexpr int w = width<T>;
  sums.merge();
  const auto put = [&](int v, bool full) __attribute__((always_inline)) {
    const Lanes<T> lanes(full ? w : t.last);
    const auto get = [&](const T* p) { return full ? load(p) : lanes.load(p); };
    // f(sum, address) for each row; what the tile is asked for is looked at once, not row by row.
    const auto each = [&](auto f) __attribute__((always_inline)) {
      const Index ldc = t.ldc;
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) {
        T* c = t.c[g] + v * w;
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) f(sums.at[0][g * L + i][v], c + i * ldc);
      }
    };
    if (t.accumulate) each([&](Vec<T>& s, T* c) { s += get(c); });
    if (t.bias != nullptr) {
      const Vec<T> bias = get(t.bias + v * w);
      each([&](Vec<T>& s, T*) { s += bias; });
    }
    if (t.relu) each([&](Vec<T>& s, T*) { s = vec::at_least(s, T(0)); });
    each([&](Vec<T>& s, T* c) {
      if (full) {
        store(c, s);
      } else {
        lanes.store(c, s);
      }
    });
  };
#pragma GCC unroll 4
  for (int v = 0; v + 1 < NV; ++v) put(v, true);
  if (t.last == w) {
    put(NV - 1, true);
  } else {
    put(NV - 1, false);
  }
}

// Rows at p, p + s, …: five of them share one pointer by x86's scaled index.
template <class T, int L>
struct PixelReader {
  static constexpr int pointers = (L + 4) / 5;
  const char* base[pointers];

  void start(const T* a, Index s1) {
    for (int i = 0; i < pointers; ++i) base[i] = reinterpret_cast<const char*>(a) + 5 * i * s1;
  }
  T at(int row, int ahead, Index s1, Index s3) const {
    const int r = row % 5;
    return reinterpret_cast<const T*>(base[row / 5] + (r == 3 ? s3 : r * s1))[ahead];
  }
  void advance(int count) {
    for (int i = 0; i < pointers; ++i) base[i] += static_cast<Index>(sizeof(T)) * count;
  }
};

template <class T, int G, int L, int NV>
void pixel_tile(const PixelTile<T>& t) {
  constexpr int w = width<T>;
  constexpr int chains = chains_of<G, L, NV>;
  constexpr int unroll = unrolled(chains);
  const Index s1 = t.a_stride * static_cast<Index>(sizeof(T));
  const Index s3 = 3 * s1;
  const Index b_stride = t.b_stride;
  Sums<T, G * L, NV, chains> sums;
  for (const Run *run = t.runs, *end = run + t.count; run != end; ++run) {
    PixelReader<T, L> a[G];
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) a[g].start(t.a[g] + run->a, s1);
    const T* b = t.b + run->b;
    const auto step = [&](int ahead) __attribute__((always_inline)) {
      Vec<T> row[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) row[v] = load(b + ahead * b_stride + v * w);
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) {
          const Vec<T> x = gemm_detail::broadcast<T>(a[g].at(i, ahead, s1, s3));
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) sums.at[ahead % chains][g * L + i][v] += x * row[v];
        }
      }
    };
    const auto advance = [&](int count) __attribute__((always_inline)) {
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) a[g].advance(count);
      b += count * b_stride;
    };
    Index left = t.length;
    for (; left >= unroll; left -= unroll) {
#pragma GCC unroll 4
      for (int ahead = 0; ahead < unroll; ++ahead) step(ahead);
      advance(unroll);
    }
    for (; left > 0; --left) {
      step(0);
      advance(1);
    }
  }
  put_tile<G, L>(t, sums);
}

template <class T, int G, int L, int NV>
void channel_tile(const ChannelTile<T>& t) {
  constexpr int w = width<T>;
  constexpr int chains = chains_of<G, L, NV>;
  constexpr int unroll = unrolled(chains);
  Sums<T, G * L, NV, chains> sums;
  const T* base[G];
#pragma GCC unroll 8
  for (int g = 0; g < G; ++g) base[g] = t.a[g];
  const T* b = t.b;
  const auto step = [&](const Run& at, int chain) __attribute__((always_inline)) {
    const T* from = b + at.b;
    Vec<T> row[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) row[v] = load(from + v * w);
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) {
      const T* a = base[g] + at.a;
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) {
        const Vec<T> x = gemm_detail::broadcast<T>(a[i]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sums.at[chain][g * L + i][v] += x * row[v];
      }
    }
  };
  const Run* at = t.steps;
  Index left = t.count;
  for (; left >= unroll; left -= unroll, at += unroll) {
#pragma GCC unroll 4
    for (int ahead = 0; ahead < unroll; ++ahead) step(at[ahead], ahead % chains);
  }
  for (; left > 0; --left, ++at) step(*at, 0);
  put_tile<G, L>(t, sums);
}

/// Which tiles exist: G groups of L rows.
constexpr bool has_tile(int groups, int rows, int vectors) {
  return groups * rows <= rows_limit(vectors) && rows <= max_rows && groups * ((rows + 4) / 5) <= max_groups;
}

template <class Tile, int NV>
struct TileTable {
  using Kernel = void (*)(const Tile&);
  std::array<std::array<Kernel, max_rows + 1>, max_groups + 1> kernels{};

  template <int G, int L, class T>
  static constexpr Kernel kernel(const PixelTile<T>*) {
    return &pixel_tile<T, G, L, NV>;
  }
  template <int G, int L, class T>
  static constexpr Kernel kernel(const ChannelTile<T>*) {
    return &channel_tile<T, G, L, NV>;
  }
  template <int G, int... L>
  constexpr void put(std::integer_sequence<int, L...>) {
    const auto one = [&]<int Rows>(std::integral_constant<int, Rows>) {
      if constexpr (has_tile(G, Rows, NV)) kernels[G][Rows] = kernel<G, Rows>(static_cast<const Tile*>(nullptr));
    };
    (one(std::integral_constant<int, L + 1>{}), ...);
  }
  template <int... G>
  constexpr explicit TileTable(std::integer_sequence<int, G...>) {
    (put<G + 1>(std::make_integer_sequence<int, max_rows>{}), ...);
  }
};

template <class Tile, int NV>
inline constexpr TileTable<Tile, NV> tiles{std::make_integer_sequence<int, max_groups>{}};

/// `vectors` is 1 or 2.
template <class Tile>
void run_tile(const Tile& tile, int groups, int rows, int vectors) {
  const auto g = static_cast<std::size_t>(groups);
  const auto r = static_cast<std::size_t>(rows);
  (vectors == 1 ? tiles<Tile, 1>.kernels[g][r] : tiles<Tile, 2>.kernels[g][r])(tile);
}

/// Lines of `n` rows, cut into `parts` nearly equal groups each, `groups` of them to a tile.
struct Cut {
  Index parts;
  int groups;
  Index tiles;
};

/// The cut of `lines` such lines into the fewest tiles, which take several groups when these are of one length.
inline Cut cut_lines(Index n, Index lines, int vectors) {
  Cut best{n, 1, 0};
  for (Index parts = (n + max_rows - 1) / max_rows; parts <= n; ++parts) {
    const int rows = static_cast<int>((n + parts - 1) / parts);
    int groups = 1;
    while (n % parts == 0 && groups < max_groups && has_tile(groups + 1, rows, vectors)) ++groups;
    const Index tiles = (lines * parts + groups - 1) / groups;
    if (best.tiles == 0 || tiles < best.tiles) best = {parts, groups, tiles};
    if (rows <= 2) break;
  }
  return best;
}

}  // namespace ranvier::kernels::conv_detail
