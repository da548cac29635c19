// Which taps and pixels of a convolution meet: per axis, output o and tap t read input o·stride + t·dilation − before.
#pragma once

#include <algorithm>

#include "ranvier/kernels/conv.h"

namespace ranvier::kernels::conv_detail {

/// The integers begin … end−1.
struct Span {
  Index begin;
  Index end;
  Index size() const { return end - begin; }
};

// The i in [0, count) with 0 <= first + i·step < size, step > 0. Nothing here overflows for sizes that fit in memory.
inline Span inside(Index first, Index step, Index count, Index size) {
  const Index begin = first < 0 ? (-first + step - 1) / step : 0;
  const Index end = first < size ? std::min(count, (size - 1 - first) / step + 1) : 0;
  return begin < end ? Span{begin, end} : Span{0, 0};
}

/// The taps of output o that fall into x.
inline Span taps_inside(const ConvGeometry& g, std::size_t axis, Index o) {
  return inside(o * g.stride[axis] - g.before[axis], g.dilation[axis], g.kernel[axis], g.in[axis]);
}

/// The outputs for which tap t falls into x.
inline Span outputs_inside(const ConvGeometry& g, std::size_t axis, Index t) {
  return inside(t * g.dilation[axis] - g.before[axis], g.stride[axis], g.out[axis], g.in[axis]);
}

}  // namespace ranvier::kernels::conv_detail
