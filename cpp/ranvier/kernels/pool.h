// Pooling over up to three spatial axes, channels last: forward and backward, each one pass over the data.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// The windows along one axis: output o looks at [start(o), end(o)), cut off at the ends of the input.
struct PoolAxis {
  Index in = 1;
  Index out = 1;
  Index window = 1;  ///< the largest one when adaptive
  Index stride = 1;
  Index before = 0;       ///< positions of the first window that lie in front of the input
  bool adaptive = false;  ///< out windows of equal share: ⌊o·in/out⌋ to ⌈(o + 1)·in/out⌉

  /// May be negative.
  Index start(Index o) const { return adaptive ? o * in / out : o * stride - before; }
  Index first(Index o) const { return std::max<Index>(start(o), 0); }
  Index end(Index o) const { return adaptive ? ((o + 1) * in + out - 1) / out : std::min(in, start(o) + window); }
};

struct PoolGeometry {
  Index batch = 1;
  Index channels = 1;
  std::array<PoolAxis, 3> axes;  ///< spatial axes that are missing have size 1 and come first

  Index taps() const { return axes[0].window * axes[1].window * axes[2].window; }
};

/// y = the largest of each window; a NaN wins. winner, unless null, receives the place of the first largest within the
/// window, counted over the whole window in row-major order. W: std::uint8_t for up to 256 taps, else std::uint32_t.
template <class T, class W>
void max_pool(const PoolGeometry& g, const T* x, T* y, W* winner);
/// dx = (or +=) dy where the element won.
template <class T, class W>
void max_pool_backward(const PoolGeometry& g, const W* winner, const T* dy, T* dx, bool accumulate);

/// y = (or +=) the sum of each window, or its mean over the elements that exist.
template <class T>
void sum_pool(const PoolGeometry& g, bool mean, const T* x, T* y, bool accumulate);
/// dx = (or +=) the gradient of sum_pool. Where windows do not overlap, that is nearest up-sampling of dy.
template <class T>
void sum_pool_backward(const PoolGeometry& g, bool mean, const T* dy, T* dx, bool accumulate);

}  // namespace ranvier::kernels
