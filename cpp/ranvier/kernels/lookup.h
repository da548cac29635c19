// Looking rows up in a table by indices that nobody has checked yet.
#pragma once

#include "ranvier/core/dtype.h"
#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// The first index that names no row, if there is one.
struct Stray {
  Index position = -1;
  double value = 0;
};

/// index[i] = given[i], or row 0 where given[i] is no whole number in [0, rows); the first of those is noted in `stray`
/// (position −1 when all are good). T: int32, int64, float, double.
template <class T>
void check_indices(Index n, Index rows, const T* given, std::int64_t* index, Stray* stray);

/// mask[i] = given[i] is not 0.
template <class T>
void nonzero(Index n, const T* given, bool* mask);

}  // namespace ranvier::kernels
