// Sums whose tree depends on the number of elements only: vector lanes inside a block, blocks in order, pieces in order.
#pragma once

#include <algorithm>
#include <array>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {

/// Elements whose sum is taken in T; longer sums add such blocks up in float64.
constexpr Index sum_block = 4096;

/// Σ over [begin, end) of term(i, left) (a vector: the terms i, i+1, …; lanes at or beyond `left` are 0), in four
/// accumulators so that the additions of a block overlap.
template <class T, class Term>
RANVIER_INLINE double sum_of_terms(Index begin, Index end, Term term) {
  double total = 0;
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
    total += static_cast<double>(vec::sum<T>((part[0] + part[1]) + (part[2] + part[3])));
  }
  return total;
}

/// Σ of piece(begin, end) over [0, n) cut in at most 64 pieces of at least `grain` elements.
template <class Piece>
RANVIER_INLINE double parallel_sum(Index n, Index grain, Piece piece) {
  if (n <= grain) return piece(Index{0}, n);
  constexpr Index most = 64;
  const Index size = std::max(grain, ((n + most - 1) / most + sum_block - 1) / sum_block * sum_block);
  std::array<double, most> part{};
  parallel_for(n, size,
               [&](Index begin, Index end) { part[static_cast<std::size_t>(begin / size)] = piece(begin, end); });
  double total = 0;
  for (Index i = 0; i * size < n; ++i) total += part[static_cast<std::size_t>(i)];
  return total;
}

}  // namespace ranvier::kernels
