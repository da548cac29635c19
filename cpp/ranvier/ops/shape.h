// Ops that move elements or give them another shape.
#pragma once

#include <optional>
#include <vector>

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

/// One dimension may be -1.
Tensor reshape(const Tensor& x, const std::vector<Index>& shape);
/// A weight under another shape of as many elements: its gradient goes straight to the weight's place, without a copy.
Tensor weight_as(const Tensor& weight, const Shape& shape);
Tensor expand_dims(const Tensor& x, Index axis);
/// Removes axes of size 1 (all of them when `axes` is empty).
Tensor squeeze(const Tensor& x, const std::vector<Index>& axes = {});
/// Permutes the axes; reverses them when `axes` is empty.
Tensor transpose(const Tensor& x, const std::vector<Index>& axes = {});
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor concatenate(const std::vector<Tensor>& xs, Index axis);
Tensor stack(const std::vector<Tensor>& xs, Index axis);

/// Python's start:stop:step on one axis; absent means the default. step may be negative.
struct Range {
  std::optional<Index> start;
  std::optional<Index> stop;
  Index step = 1;
};
/// x[ranges[0], ranges[1], …]; axes beyond the list are kept whole.
Tensor slice(const Tensor& x, const std::vector<Range>& ranges);
/// Rows of `axis` picked by integer `indices` of any shape (NumPy's take); negative indices count from the end.
Tensor gather(const Tensor& x, const Tensor& indices, Index axis = 0);
/// n copies along a new axis.
Tensor repeat(const Tensor& x, Index n, Index axis);
Tensor flip(const Tensor& x, const std::vector<Index>& axes);
/// Constant padding: {before, after} for every axis.
Tensor pad(const Tensor& x, const std::vector<std::pair<Index, Index>>& widths, double value = 0);
Tensor one_hot(const Tensor& indices, Index classes, DType dtype);
Tensor arange(double start, double stop, double step, DType dtype);

}  // namespace ranvier::ops
