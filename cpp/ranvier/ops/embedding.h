// Rows of a table, looked up by index.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/kernels/lookup.h"

namespace ranvier::ops {

/// table[indices]: (..., width) from a table (rows, width). Every run of the step notes in `stray` the first index that
/// is no whole number in [0, rows), for which row 0 is taken; `stray` must outlive the recorded step. The gradient of a
/// table whose rows are tracked (Leaf::track_rows) touches the rows looked up only.
Tensor embedding(const Tensor& table, const Tensor& indices, kernels::Stray* stray);

/// Which indices are not 0: the mask of padded sequences, as a bool tensor of their shape.
Tensor not_zero(const Tensor& indices);

}  // namespace ranvier::ops
