// Positions in sequences, as turns of pairs of features.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// y (steps, size) = sin(position·frequency[j]), or cos where cosine[j] says so.
template <class T>
void waves(Index steps, Index size, const double* frequency, const std::uint8_t* cosine, T* y);

/// x as (outer, steps, inner, 2·half): each pair (a, b) of elements `half` apart becomes (a·cos − b·sin, b·cos + a·sin),
/// turned by its step's row of `turns` (steps, 2·half): cosines, then sines; turned back with `back`, which is the
/// gradient.
struct RotaryView {
  Index outer;
  Index steps;
  Index inner;
  Index half;
};
template <class T>
void rotate(const RotaryView& at, const T* x, const T* turns, bool back, T* y, bool accumulate);

}  // namespace ranvier::kernels
