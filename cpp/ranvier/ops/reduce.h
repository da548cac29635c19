// Reductions over axes. An empty list of axes means all of them.
#pragma once

#include <vector>

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

using Axes = std::vector<Index>;

Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
/// Mean squared distance from the mean (biased, like NumPy's default).
Tensor variance(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
/// int64 positions of the first extremum.
Tensor argmax(const Tensor& x, Index axis, bool keepdims = false);
Tensor argmin(const Tensor& x, Index axis, bool keepdims = false);

}  // namespace ranvier::ops
