// One row times a transposed matrix: dot products of contiguous rows.
#pragma once

#include <algorithm>

#include "ranvier/kernels/gemm_simd.h"

namespace ranvier::kernels::gemm_detail {

// One step of adding up two vectors into one: lanes with bit S clear carry on with x, the others with y.
template <class T, int S>
inline Vec<T> fold(Vec<T> x, Vec<T> y) {
  exchange<T, S>(x, y);
  return x + y;
}

template <class T, int S>
inline Vec<T> fold_rest(Vec<T> x) {
  if constexpr (S < width<T>) {
    return fold_rest<T, 2 * S>(fold<T, S>(x, x));
  } else {
    return x;
  }
}

// c[j] = [c[j] +] x·row j of b, for `rows` <= R rows. R = 4, or 2 where a vector holds only two lanes.
template <class T, int R>
inline void dot_rows(Index rows, Index k, const T* x, const T* b, Index ldb, T* c, bool accumulate) {
  constexpr int w = width<T>;
  const T* row[R];
  for (int r = 0; r < R; ++r) row[r] = b + std::min<Index>(r, rows - 1) * ldb;
  Vec<T> sum[2][R] = {};
  Index p = 0;
  for (; p + 2 * w <= k; p += 2 * w) {
    const Vec<T> x0 = load(x + p);
    const Vec<T> x1 = load(x + p + w);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      sum[0][r] += x0 * load(row[r] + p);
      sum[1][r] += x1 * load(row[r] + p + w);
    }
  }
  for (; p < k; p += w) {
    const Lanes<T> lanes(static_cast<int>(std::min<Index>(w, k - p)));
    const Vec<T> x0 = lanes.load(x + p);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[0][r] += x0 * lanes.load(row[r] + p);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) sum[0][r] += sum[1][r];
  Vec<T> total;
  if constexpr (R == 4) {
    total = fold<T, 2>(fold<T, 1>(sum[0][0], sum[0][1]), fold<T, 1>(sum[0][2], sum[0][3]));
  } else {
    total = fold<T, 1>(sum[0][0], sum[0][1]);
  }
  total = fold_rest<T, R>(total);
  for (int r = 0; r < rows; ++r) c[r] = accumulate ? c[r] + total[r] : total[r];
}

// c (n) = [c +] B (n×k)·x (k).
template <class T>
void dot_products(Index n, Index k, const T* x, const T* b, Index ldb, T* c, bool accumulate) {
  constexpr int group = width<T> >= 4 ? 4 : 2;
  for (Index j = 0; j < n; j += group) {
    dot_rows<T, group>(std::min<Index>(group, n - j), k, x, b + j * ldb, ldb, c + j, accumulate);
  }
}

}  // namespace ranvier::kernels::gemm_detail
