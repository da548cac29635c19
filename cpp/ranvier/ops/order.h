// Running sums, and the largest elements.
#pragma once

#include <utility>

#include "ranvier/core/tensor.h"

namespace ranvier::ops {

/// Σ of all up to each element of the axis.
Tensor cumsum(const Tensor& x, Index axis);
/// The k largest of the last axis, largest first, and their positions (int32); equal ones by position.
std::pair<Tensor, Tensor> top_k(const Tensor& x, Index k);

}  // namespace ranvier::ops
