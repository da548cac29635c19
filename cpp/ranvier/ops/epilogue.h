// The end of a product or convolution, y = f(z) with z = (what was summed) + bias, and the way back through it.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/gemm.h"

namespace ranvier::ops::detail {

/// What the kernels do to a finished tile: the bias (undefined: none), then the activation. z, when defined, keeps what
/// the activation was applied to.
template <class T>
kernels::Epilogue<T> epilogue_of(const Tensor& bias, kernels::Unary activation, kernels::UnaryArgs args,
                                 const Tensor& z) {
  kernels::Epilogue<T> epilogue;
  epilogue.bias = bias.defined() ? bias.data<T>() : nullptr;
  epilogue.activation = activation == kernels::Unary::identity ? nullptr : kernels::unary_tile<T>(activation);
  epilogue.args = args;
  epilogue.preactivation = z.defined() ? z.data<T>() : nullptr;
  return epilogue;
}

/// dz = dy·f', given what the derivative reads (z or y, by saves_of), and the bias's gradient, the sum of dz over all axes
/// but the last, sent to input `bias` of the node: one pass over dy. dz is dy itself when f is the identity, and takes
/// dy's memory where nobody else reads it.
Tensor back_through(kernels::Unary activation, kernels::UnaryArgs args, const Tensor& kept, const Tensor& dy, Grads& to,
                    int bias);

}  // namespace ranvier::ops::detail
