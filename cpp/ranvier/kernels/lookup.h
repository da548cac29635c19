// Looking rows up in a table by indices that nobody has checked yet.
#pragma once

#include <span>

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

/// grad[rows[k]] += Σ from[i] over the positions i that RowSet::group found for row k, in their order: the same bits on
/// any number of threads.
template <class T>
void add_grouped_rows(std::span<const Index> rows, Index width, const Index* order, const Index* ends, const T* from,
                      T* grad);

/// mask[i] = given[i] is not 0.
template <class T>
void nonzero(Index n, const T* given, bool* mask);

}  // namespace ranvier::kernels
