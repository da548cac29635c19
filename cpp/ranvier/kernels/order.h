// Along one axis, seen as (outer, length, inner): running sums, and the largest elements of rows.
#pragma once

#include "ranvier/core/dtype.h"
#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// y[o, i] = Σ x[o, 0..i], from the other end with `reverse`; added to y with accumulate. One thread adds in order.
template <class T>
void cumulative_sum(Index outer, Index length, Index inner, bool reverse, const T* x, T* y, bool accumulate);

/// The k largest of each row of n and their positions, largest first; equal ones in the order of their positions, NaN
/// before all numbers.
template <class T>
void top_k(Index rows, Index n, Index k, const T* x, T* values, std::int32_t* positions);
/// dx[row, positions[row, j]] += dy[row, j].
template <class T>
void top_k_backward(Index rows, Index n, Index k, const std::int32_t* positions, const T* dy, T* dx);

}  // namespace ranvier::kernels
