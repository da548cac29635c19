// The register tile of convolution: rows × vectors of sums stay in registers while the tile passes over steps.
// Rows come in groups; a group has one pointer and its rows are evenly spaced, so groups may lie anywhere.
//   PixelTile: a row is an output pixel, a step an input channel of a tap. Steps come in runs, contiguous in x.
//   ChannelTile: a row is an input channel of a tap, a step an output pixel, anywhere.
#pragma once

#include "ranvier/kernels/gemm_simd.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels::conv_detail {

using gemm_detail::load;
using gemm_detail::max_rows;
using gemm_detail::store;
using gemm_detail::Vec;
using gemm_detail::width;

constexpr int max_groups = 6;
// float64 is for checking gradients, so few tiles of it exist: every one costs compile time and space in the wheel.
template <class T>
constexpr int rows_of_group = sizeof(T) == 4 ? max_rows : 4;
template <class T>
constexpr int groups_of_tile = sizeof(T) == 4 ? max_groups : 1;
// One vector leaves room for twice the rows.
constexpr int rows_limit(int vectors) { return vectors == 1 ? 2 * max_rows : max_rows; }

/// What both have: c[group][row] = [c +] Σ over steps of a·b [+ bias], then max(·, 0) with `relu`.
template <class T>
struct Tile {
  using Element = T;
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

/// Which tiles exist: `groups` of `rows` × `vectors` (1 or 2).
template <class T>
constexpr bool has_tile(int groups, int rows, int vectors) {
  return groups * rows <= rows_limit(vectors) && rows <= rows_of_group<T> && groups <= groups_of_tile<T> &&
         groups * ((rows + 4) / 5) <= max_groups;
}

/// One of those.
template <class T>
void run_tile(const PixelTile<T>& tile, int groups, int rows, int vectors);
template <class T>
void run_tile(const ChannelTile<T>& tile, int groups, int rows, int vectors);

/// Lines of `n` rows, cut into `parts` nearly equal groups each, `groups` of them to a tile.
struct Cut {
  Index parts;
  int groups;
  Index tiles;
};

/// The cut of `lines` such lines into the fewest tiles, which take several groups when these are of one length.
template <class T>
Cut cut_lines(Index n, Index lines, int vectors) {
  Cut best{n, 1, 0};
  for (Index parts = (n + rows_of_group<T> - 1) / rows_of_group<T>; parts <= n; ++parts) {
    const int rows = static_cast<int>((n + parts - 1) / parts);
    int groups = 1;
    while (n % parts == 0 && has_tile<T>(groups + 1, rows, vectors)) ++groups;
    const Index tiles = (lines * parts + groups - 1) / groups;
    if (best.tiles == 0 || tiles < best.tiles) best = {parts, groups, tiles};
    if (rows <= 2) break;
  }
  return best;
}

}  // namespace ranvier::kernels::conv_detail
