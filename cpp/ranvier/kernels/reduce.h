// Reductions over the middle axis of x viewed as (outer, length, inner). Sums follow a fixed tree of blocks, so their
// rounding depends on the shape only, and stay accurate for long axes.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// y (outer, inner) = scale·Σ x, or += with accumulate. T: float, double, int32, int64.
template <class T>
void reduce_sum(Index outer, Index length, Index inner, const T* x, T scale, T* y, bool accumulate);

/// x (outer, length, inner) = scale·y repeated along the middle axis, or += : the gradient of reduce_sum.
template <class T>
void reduce_sum_backward(Index outer, Index length, Index inner, const T* dy, T scale, T* dx, bool accumulate);

/// Largest (smallest) value; length >= 1. NaN wins.
template <class T>
void reduce_max(Index outer, Index length, Index inner, const T* x, T* y);
template <class T>
void reduce_min(Index outer, Index length, Index inner, const T* x, T* y);

/// dx (+)= dy shared equally among the elements equal to y: the gradient of reduce_max and reduce_min.
template <class T>
void reduce_extremum_backward(Index outer, Index length, Index inner, const T* x, const T* y, const T* dy, T* dx,
                              bool accumulate);

/// Index of the first largest (smallest) value; length >= 1.
template <class T>
void argmax(Index outer, Index length, Index inner, const T* x, std::int64_t* y);
template <class T>
void argmin(Index outer, Index length, Index inner, const T* x, std::int64_t* y);

template <class T>
void reduce_prod(Index outer, Index length, Index inner, const T* x, T* y);

/// Any / all over bools.
void reduce_any(Index outer, Index length, Index inner, const bool* x, bool* y);
void reduce_all(Index outer, Index length, Index inner, const bool* x, bool* y);

/// Index of the first NaN or infinity, -1 when all are finite.
template <class T>
Index first_non_finite(Index n, const T* x);

}  // namespace ranvier::kernels
