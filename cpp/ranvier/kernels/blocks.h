// Sums whose tree depends on the number of elements only: vector lanes inside a block, blocks in order, pieces in order.
#pragma once

#include <algorithm>
#include <array>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {

/// Elements whose sum is taken in T alone; longer sums add such blocks up on a level above.
constexpr Index sum_block = 4096;

/// What blocks are added up in: float64 for floats, the type itself for integers, whose sums are exact.
template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, double, T>;

/// Σ over [begin, end) of term(i, left) (a vector: the terms i, i+1, …; lanes at or beyond `left` are 0), in four
/// accumulators so that the additions of a block overlap.
template <class T, class Term>
RANVIER_INLINE Total<T> sum_of_terms(Index begin, Index end, Term term) {
  Total<T> total = 0;
  constexpr Index w = vec::lanes<T>;
  for (Index block = begin; block < end; block += sum_block) {
    const Index stop = std::min(end, block + sum_block);
    std::array<vec::Vec<T>, 4> part{};
    Index i = block;
    for (; i + 4 * w <= stop; i += 4 * w) {
#pragma GCC unroll 4
      for (Index k = 0; k < 4; ++k) part[static_cast<std::size_t>(k)] += term(i + k * w, w);
    }
    for (; i < stop; i += w) part[0] += term(i, stop - i);
    total += static_cast<Total<T>>(vec::sum<T>((part[0] + part[1]) + (part[2] + part[3])));
  }
  return total;
}

/// Σ of piece(begin, end) over [0, n) cut in at most 64 pieces of at least `grain` elements.
template <class R = double, class Piece>
RANVIER_INLINE R parallel_sum(Index n, Index grain, Piece piece) {
  if (n <= grain) return piece(Index{0}, n);
  constexpr Index most = 64;
  const Index size = std::max(grain, ((n + most - 1) / most + sum_block - 1) / sum_block * sum_block);
  std::array<R, most> part{};
  parallel_for(n, size,
               [&](Index begin, Index end) { part[static_cast<std::size_t>(begin / size)] = piece(begin, end); });
  R total = 0;
  for (Index i = 0; i * size < n; ++i) total += part[static_cast<std::size_t>(i)];
  return total;
}

/// Columns that are summed together: their accumulators live in the first-level cache.
constexpr Index strip_columns = 256;
/// Room for a strip and the overhang of its last vector.
template <class T>
using Strip = std::array<T, static_cast<std::size_t>(strip_columns + vec::lanes<T>)>;

/// Rows whose sums are taken together before they join those above.
constexpr Index row_block = 1024;

/// Sums down the rows [begin, end) for `cols` <= strip_columns columns, K quantities at once: term(r, j, left) gives
/// the K vectors of row r at column j. Eight rows meet in a register, then join the sums of their block.
template <class T, std::size_t K, class Term>
RANVIER_INLINE void sum_rows(Index begin, Index end, Index cols, Term term, std::array<Strip<T>, K>& sums) {
  constexpr Index w = vec::lanes<T>;
  constexpr Index group = 8;
  std::array<Strip<T>, K> block_sums;
  for (Index block = begin; block < end || block == begin; block += row_block) {
    const Index stop = std::min(end, block + row_block);
    // One block is the usual case and needs no second level.
    std::array<Strip<T>, K>& to = block == begin ? sums : block_sums;
    for (Index r = block; r < stop || r == block; r += group) {
      const Index rows = std::min(group, stop - r);
      for (Index j = 0; j < cols; j += w) {
        std::array<vec::Vec<T>, K> even{};
        std::array<vec::Vec<T>, K> odd{};
        Index i = 0;
        for (; i + 2 <= rows; i += 2) {
          const auto a = term(r + i, j, cols - j);
          const auto b = term(r + i + 1, j, cols - j);
          for (std::size_t k = 0; k < K; ++k) even[k] += a[k];
          for (std::size_t k = 0; k < K; ++k) odd[k] += b[k];
        }
        if (i < rows) {
          const auto a = term(r + i, j, cols - j);
          for (std::size_t k = 0; k < K; ++k) even[k] += a[k];
        }
        for (std::size_t k = 0; k < K; ++k) {
          const vec::Vec<T> sum = even[k] + odd[k];
          T* at = to[k].data() + j;
          vec::store(at, r == block ? sum : vec::load(at) + sum);
        }
      }
    }
    if (block == begin) continue;
    for (std::size_t k = 0; k < K; ++k) {
      for (Index j = 0; j < cols; ++j) sums[k][static_cast<std::size_t>(j)] += to[k][static_cast<std::size_t>(j)];
    }
  }
}

/// sum_rows over all of `rows`, cut in at most 16 pieces when there is work for several threads.
template <class T, std::size_t K, class Term>
RANVIER_INLINE void sum_strip(Index rows, Index cols, Term term, std::array<Strip<T>, K>& sums) {
  constexpr Index most = 16;
  constexpr Index work = 16384;
  // Not inlined twice: the pieces and the single call are one function.
  const auto run = [&](Index begin, Index end, std::array<Strip<T>, K> & to) __attribute__((noinline)) {
    sum_rows<T, K>(begin, end, cols, term, to);
  };
  if (rows * cols <= work) {
    run(0, rows, sums);
    return;
  }
  const Index least = (work / cols + 7) / 8 * 8;
  const Index size = std::max(least, ((rows + most - 1) / most + 7) / 8 * 8);
  std::array<std::array<Strip<T>, K>, most> part;
  parallel_for(rows, size,
               [&](Index begin, Index end) { run(begin, end, part[static_cast<std::size_t>(begin / size)]); });
  sums = part[0];
  for (std::size_t p = 1; static_cast<Index>(p) * size < rows; ++p) {
    for (std::size_t k = 0; k < K; ++k) {
      for (Index j = 0; j < cols; ++j) {
        const auto at = static_cast<std::size_t>(j);
        sums[k][at] += part[p][k][at];
      }
    }
  }
}

}  // namespace ranvier::kernels
