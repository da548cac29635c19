// Elementwise ops: functions of one argument, broadcasting arithmetic, comparisons, selection, casts.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/binary.h"
#include "ranvier/kernels/unary.h"

namespace ranvier::ops {

using kernels::Binary;
using kernels::Compare;
using kernels::Unary;
using kernels::UnaryArgs;

Tensor unary(Unary op, const Tensor& x, UnaryArgs args = {});
/// Operands of different dtypes are promoted first (bool < int32 < int64 < float32 < float64).
Tensor binary(Binary op, const Tensor& a, const Tensor& b);
Tensor compare(Compare op, const Tensor& a, const Tensor& b);
/// condition ? a : b, all three broadcast together.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor cast(const Tensor& x, DType dtype);
DType promote(DType a, DType b);

inline Tensor add(const Tensor& a, const Tensor& b) { return binary(Binary::add, a, b); }
inline Tensor subtract(const Tensor& a, const Tensor& b) { return binary(Binary::subtract, a, b); }
inline Tensor multiply(const Tensor& a, const Tensor& b) { return binary(Binary::multiply, a, b); }
inline Tensor divide(const Tensor& a, const Tensor& b) { return binary(Binary::divide, a, b); }

/// scale·(x₁ + x₂ + …) of tensors of one shape, in one pass over them; floats only.
Tensor sum_of(const std::vector<Tensor>& xs, double scale = 1);

/// max(x, 0) + slope·min(x, 0) with one slope per position (broadcast): PReLU (He et al. 2015).
Tensor prelu(const Tensor& x, const Tensor& slope);
/// Gated linear unit (Dauphin et al. 2016): the first half of `axis` times the sigmoid of the second.
Tensor glu(const Tensor& x, Index axis);

}  // namespace ranvier::ops
