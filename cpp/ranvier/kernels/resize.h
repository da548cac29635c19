// Resampling of images along one axis at a time: every output is a weighted sum of a few neighbouring inputs.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

enum class Interpolation : std::uint8_t { nearest, bilinear, bicubic, lanczos3, lanczos5 };

/// One axis of `in` positions brought to `out`; the centres of first and last position stay half a step from the edges.
/// With antialias the filter is widened when the axis shrinks, so that every input counts.
struct ResizeAxis {
  Index in = 1;
  Index out = 1;
  Interpolation method = Interpolation::bilinear;
  bool antialias = false;

  /// How many neighbours an output looks at.
  Index taps() const;
};

/// For every output: the first input it looks at, and the weights of that one and its successors (out·taps of them),
/// which sum to 1.
template <class T>
void resize_table(const ResizeAxis& axis, Index* first, T* weight);

/// y (outer, out, inner) from x (outer, in, inner).
template <class T>
void resize(const ResizeAxis& axis, Index outer, Index inner, const Index* first, const T* weight, const T* x, T* y);
/// dx = (or +=) the transpose of resize applied to dy.
template <class T>
void resize_backward(const ResizeAxis& axis, Index outer, Index inner, const Index* first, const T* weight, const T* dy,
                     T* dx, bool accumulate);

}  // namespace ranvier::kernels
