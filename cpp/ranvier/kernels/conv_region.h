// The part of x that a piece of work reads, in place or copied with the zeros around it.
#pragma once

#include <algorithm>
#include <cstring>

#include "ranvier/kernels/conv_correlation.h"
#include "ranvier/kernels/gemm_pack.h"

namespace ranvier::kernels::conv_detail {

/// Inputs low … low + size − 1 along each axis, maybe outside of x.
struct Region {
  ConvGeometry::Sizes low;
  ConvGeometry::Sizes size;

  bool within(const ConvGeometry::Sizes& in) const {
    for (std::size_t a = 0; a < 3; ++a) {
      if (low[a] < 0 || low[a] + size[a] > in[a]) return false;
    }
    return true;
  }
  Index pixels() const { return size[0] * size[1] * size[2]; }
};

/// What outputs of these spans read.
inline Region region_of(const Axes& axes, const std::array<Span, 3>& outputs) {
  Region r{};
  for (std::size_t a = 0; a < 3; ++a) {
    r.low[a] = axes[a].lowest(outputs[a].begin);
    r.size[a] = axes[a].highest(outputs[a].end) - r.low[a] + 1;
  }
  return r;
}

/// Pixels of several images in memory: element strides, and where the first pixel of the region lies.
template <class T>
struct View {
  const T* origin;
  ConvGeometry::Sizes stride;
  Index image_stride;
};

template <class T>
void copy_pixels(const T* from, Index channels, Index depth, Index count, T* to) {
  if (channels == depth) {
    std::memcpy(to, from, static_cast<std::size_t>(count * depth) * sizeof(T));
    return;
  }
  for (Index i = 0; i < count; ++i) std::copy_n(from + i * channels, depth, to + i * depth);
}

/// Copies `depth` channels of the region of one image, x being its first channel; zeros outside.
template <class T>
void copy_region(const Region& r, const ConvGeometry::Sizes& in, const T* x, Index channels, Index depth, T* to) {
  const Index row = r.size[2] * depth;
  const Index first = std::clamp<Index>(-r.low[2], 0, r.size[2]);
  const Index last = std::clamp<Index>(in[2] - r.low[2], first, r.size[2]);
  for (Index i0 = r.low[0]; i0 < r.low[0] + r.size[0]; ++i0) {
    for (Index i1 = r.low[1]; i1 < r.low[1] + r.size[1]; ++i1, to += row) {
      if (i0 < 0 || i0 >= in[0] || i1 < 0 || i1 >= in[1]) {
        std::fill_n(to, row, T(0));
        continue;
      }
      std::fill_n(to, first * depth, T(0));
      copy_pixels(x + ((i0 * in[1] + i1) * in[2] + r.low[2] + first) * channels, channels, depth, last - first,
                  to + first * depth);
      std::fill_n(to + last * depth, (r.size[2] - last) * depth, T(0));
    }
  }
}

/// All of x from an image on, x being the first channel that is read.
template <class T>
View<T> view_of(const ConvGeometry::Sizes& in, const T* x, Index channels, Index first) {
  const Index image = in[0] * in[1] * in[2] * channels;
  return {x + first * image, {in[1] * in[2] * channels, in[2] * channels, channels}, image};
}

/// A copy of the region of images [first, last).
template <class T>
View<T> copy_of(const Region& r, const ConvGeometry::Sizes& in, const T* x, Index channels, Index depth, Index first,
                Index last, gemm_detail::Scratch& scratch) {
  const Index image = in[0] * in[1] * in[2] * channels;
  const Index copy = r.pixels() * depth;
  T* to = static_cast<T*>(scratch.get(static_cast<std::size_t>(copy * (last - first)) * sizeof(T)));
  for (Index b = first; b < last; ++b) copy_region(r, in, x + b * image, channels, depth, to + (b - first) * copy);
  return {to, {r.size[1] * r.size[2] * depth, r.size[2] * depth, depth}, copy};
}

}  // namespace ranvier::kernels::conv_detail
