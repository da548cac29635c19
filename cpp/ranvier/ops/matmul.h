// Matrix products.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/unary.h"

namespace ranvier::ops {

/// NumPy's matmul: the last two axes are matrices (optionally transposed), leading axes broadcast; vectors allowed.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

/// y = f(x·kernel + bias) in one pass: x (…, in), kernel (in, units), bias (units) or undefined. A kernel or bias of more
/// axes, (in, heads, size) or (heads, size, units), counts as the matrix or row it is in memory.
Tensor dense(const Tensor& x, const Tensor& kernel, const Tensor& bias,
             kernels::Unary activation = kernels::Unary::identity, kernels::UnaryArgs args = {});

}  // namespace ranvier::ops
