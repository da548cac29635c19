// Elementwise functions of one argument and their derivatives, over contiguous arrays.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// Every unary function, with what its derivative reads: none, x, y or both. The mathematics is in functors.h.
/// X(name, saves)
#define RANVIER_UNARY(X) \
  X(identity, none)      \
  X(negative, none)      \
  X(abs, x)              \
  X(sign, none)          \
  X(square, x)           \
  X(sqrt, y)             \
  X(rsqrt, y)            \
  X(reciprocal, y)       \
  X(exp, y)              \
  X(expm1, y)            \
  X(log, x)              \
  X(log1p, x)            \
  X(sin, x)              \
  X(cos, x)              \
  X(erf, x)              \
  X(floor, none)         \
  X(ceil, none)          \
  X(round, none)         \
  X(clip, x)             \
  X(pow_scalar, x)       \
  X(step, none)          \
  X(relu, y)             \
  X(relu6, y)            \
  X(leaky_relu, x)       \
  X(elu, y)              \
  X(selu, y)             \
  X(celu, y)             \
  X(gelu, x)             \
  X(gelu_tanh, x)        \
  X(silu, x)             \
  X(mish, x)             \
  X(softplus, x)         \
  X(softsign, y)         \
  X(sigmoid, y)          \
  X(hard_sigmoid, y)     \
  X(hard_silu, x)        \
  X(tanh, y)             \
  X(hard_tanh, y)        \
  X(log_sigmoid, x)      \
  X(tanh_shrink, x)      \
  X(soft_shrink, x)      \
  X(hard_shrink, x)      \
  X(threshold, x)        \
  X(squareplus, x)

enum class Unary : std::uint8_t {
#define RANVIER_NAME(name, saves) name,
  RANVIER_UNARY(RANVIER_NAME)
#undef RANVIER_NAME
};

enum class Saves : std::uint8_t { none, x, y };

/// What the derivative of `op` reads.
Saves saves_of(Unary op);
/// The field's name of `op`, "leaky_relu" for Unary::leaky_relu.
const char* name_of(Unary op);

/// Constants of a function: slope, alpha, bounds …; see its struct in functors.h for their meaning.
struct UnaryArgs {
  double a = 0;
  double b = 0;
};

/// y = f(x); x and y may be the same array.
template <class T>
void unary(Unary op, UnaryArgs args, Index n, const T* x, T* y);

/// dx = dy·f'(x), or dx += with accumulate. Only the array named by saves_of(op) is read, the other may be null.
/// dx may be dy.
template <class T>
void unary_backward(Unary op, UnaryArgs args, Index n, const T* x, const T* y, const T* dy, T* dx, bool accumulate);

/// unary_backward over rows×cols, dx written, and sums (cols) = (or +=) the sums of dx down its columns in the same pass:
/// the derivative of an activation with the gradient of the bias before it.
template <class T>
void unary_backward_sums(Unary op, UnaryArgs args, Index rows, Index cols, const T* x, const T* y, const T* dy, T* dx,
                         T* sums, bool accumulate);

/// The function applied in place to a tile of rows×cols with leading dimension ld: the epilogue of a product.
template <class T>
using TileFn = void (*)(UnaryArgs args, Index rows, Index cols, T* tile, Index ld);
template <class T>
TileFn<T> unary_tile(Unary op);

/// The same, and half of the derivative into `slope` (leading dimension ld too): half, because it then is what the
/// backward pass of Unary::square reads. For functions whose value and derivative share most of their work; null for others.
template <class T>
using SlopeFn = void (*)(UnaryArgs args, Index rows, Index cols, T* tile, T* slope, Index ld);
template <class T>
SlopeFn<T> unary_slope_tile(Unary op);

}  // namespace ranvier::kernels
