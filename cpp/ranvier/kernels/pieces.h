// How much of a loop makes a piece for parallel_for.
#pragma once

#include <algorithm>

#include "ranvier/core/parallel.h"

namespace ranvier::kernels {

/// Rows of `n` elements that make a piece of about `grain` elements; all of `rows` when they are no more than that,
/// which spares small calls a division.
inline Index rows_for(Index rows, Index n, Index grain) {
  return rows * n <= grain ? std::max<Index>(rows, 1) : std::max<Index>(1, grain / n);
}

}  // namespace ranvier::kernels
