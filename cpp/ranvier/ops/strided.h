// Strided copies between tensors as one recorded call, whatever the dtype.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/move.h"

namespace ranvier::ops::detail {

using Strides = std::array<Index, max_rank>;

/// The loop nest over `dims` with these strides. Axes walked backwards on the destination are turned round on both
/// sides; the offsets of the first elements come back in src_start and dst_start.
struct Walk {
  kernels::StridedCopy nest;
  Index src_start = 0;
  Index dst_start = 0;
};
inline Walk walk(const Shape& dims, const Strides& src, const Strides& dst, Index src_start = 0, Index dst_start = 0) {
  Walk w;
  w.nest.rank = dims.rank();
  w.src_start = src_start;
  w.dst_start = dst_start;
  for (int i = 0; i < dims.rank(); ++i) {
    const auto d = static_cast<std::size_t>(i);
    w.nest.dims[d] = dims[i];
    w.nest.src[d] = src[d];
    w.nest.dst[d] = dst[d];
    if (dst[d] >= 0) continue;
    w.src_start += (dims[i] - 1) * src[d];
    w.dst_start += (dims[i] - 1) * dst[d];
    w.nest.src[d] = -src[d];
    w.nest.dst[d] = -dst[d];
  }
  return w;
}
/// The same walk in the other direction.
inline Walk reversed(const Shape& dims, const Walk& w) {
  return walk(dims, w.nest.dst, w.nest.src, w.dst_start, w.src_start);
}

inline bool is_empty(const Walk& w) {
  for (int i = 0; i < w.nest.rank; ++i) {
    if (w.nest.dims[static_cast<std::size_t>(i)] == 0) return true;
  }
  return false;
}

template <class T>
void copy_walk(const Walk& w, const T* src, T* dst, bool accumulate) {
  if (is_empty(w)) return;
  exec([nest = w.nest, from = src + w.src_start, to = dst + w.dst_start, accumulate] {
    kernels::strided_copy(nest, from, to, accumulate);
  });
}

/// y[walk] = x[walk]
inline void copy_walk(const Walk& w, const Tensor& x, const Tensor& y) {
  dispatch_any(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_walk(w, static_cast<const T*>(x.data<T>()), y.data<T>(), false);
  });
}

/// The gradient of y = x[walk] when every element of x was read exactly once.
inline Node::Backward copy_back(const Walk& back) {
  return [back](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      copy_walk(back, static_cast<const T*>(dy.data<T>()), dx.data, dx.accumulate);
    });
  };
}

}  // namespace ranvier::ops::detail
