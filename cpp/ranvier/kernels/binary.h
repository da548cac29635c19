// Elementwise functions of two arguments with broadcasting, their derivatives, and comparisons.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

enum class Binary : std::uint8_t { add, subtract, multiply, divide, power, maximum, minimum };
const char* name_of(Binary op);

enum class Compare : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

/// y = op(a, b) over the loop nest `plan` (y contiguous). T: float, double, int32, int64 (integer division and power
/// excluded by the caller).
template <class T>
void binary(Binary op, const Broadcast& plan, const T* a, const T* b, T* y);

/// Gradients of op at every element of the broadcast shape, before the sum over repeated axes:
/// da = dy·∂op/∂a (da contiguous over the broadcast shape), or da += with accumulate. maximum/minimum share ties half
/// and half.
template <class T>
void binary_backward_a(Binary op, const Broadcast& plan, const T* a, const T* b, const T* dy, T* da, bool accumulate);
template <class T>
void binary_backward_b(Binary op, const Broadcast& plan, const T* a, const T* b, const T* dy, T* db, bool accumulate);

/// Tensors of n elements to be added up; more than fit take several calls.
template <class T>
struct Terms {
  std::array<const T*, 8> from{};
  std::size_t count = 0;
};
/// y = scale·(x₁ + x₂ + …), from left to right; y may be one of the terms. T: float, double.
template <class T>
void sum_of(const Terms<T>& x, Index n, T scale, T* y);

template <class T>
void compare(Compare op, const Broadcast& plan, const T* a, const T* b, bool* y);

/// y = c ? a : b, all of n elements.
template <class T>
void select(Index n, const bool* c, const T* a, const T* b, T* y);
/// da = c == which ? dy : 0 (or += with accumulate): the gradient of select towards a (which = true) or b.
template <class T>
void select_backward(Index n, const bool* c, bool which, const T* dy, T* da, bool accumulate);

}  // namespace ranvier::kernels
