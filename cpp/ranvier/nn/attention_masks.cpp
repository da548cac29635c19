#include "ranvier/nn/attention_masks.h"

#include "ranvier/core/program.h"

namespace ranvier::nn {

Tensor step_mask(const Layer& layer, const char* argument, const Tensor& mask, Index batch, Index steps) {
  if (!mask.defined()) return mask;
  const bool fits = mask.rank() >= 2 && mask.dim(0) == batch && mask.shape().numel(1, mask.rank()) == steps;
  check(fits, "[", layer.name(), "] expected ", argument, " of shape (", batch, ", ", steps,
        "), one value a step, received shape ", mask.shape());
  return mask.rank() == 2 ? mask : view(mask, {batch, steps});
}

Tensor pair_mask(const Layer& layer, const Tensor& mask, Index batch, Index heads, Index queries, Index keys) {
  if (!mask.defined()) return mask;
  const Shape full{batch, heads, queries, keys};
  Shape shape;
  const int rank = mask.rank();
  if (rank == 2) shape = {1, 1, mask.dim(0), mask.dim(1)};
  if (rank == 3) shape = {mask.dim(0), 1, mask.dim(1), mask.dim(2)};
  if (rank == 4) shape = mask.shape();
  bool fits = shape.rank() == 4;
  for (int axis = 0; fits && axis < 4; ++axis) fits = shape[axis] == 1 || shape[axis] == full[axis];
  if (!fits && rank > 4 && mask.dim(0) == batch && mask.numel() == batch * queries * keys) {
    // queries and keys on several axes each
    shape = {batch, 1, queries, keys};
    fits = true;
  }
  check(fits, "[", layer.name(),
        "] expected attention_mask that repeats over (batch, queries, keys) = ", Shape{batch, queries, keys},
        ", or with ", heads, " heads behind the batch, received shape ", mask.shape(),
        mask.shape() == Shape{batch, keys} ? "; a mask of padding is passed as mask[:, None, :]" : "");
  return view(mask, shape);
}

Tensor both(const Tensor& a, const Tensor& b) {
  if (!a.defined() || a.same_as(b)) return b;
  if (!b.defined()) return a;
  const Tensor y = empty(a.shape(), DType::boolean);
  exec([n = a.numel(), pa = a.data<bool>(), pb = b.data<bool>(), to = y.data<bool>()] {
    for (Index i = 0; i < n; ++i) to[i] = pa[i] && pb[i];
  });
  return y;
}

}  // namespace ranvier::nn
