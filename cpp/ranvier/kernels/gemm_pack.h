// Copies of A and B in the order the register tiles read them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "ranvier/kernels/gemm_simd.h"

namespace ranvier::kernels::gemm_detail {

// Memory that grows to the largest request and stays: a steady training step asks the system for nothing.
class Scratch {
 public:
  void* get(std::size_t bytes) {
    if (bytes > size_) {
      data_.reset();
      size_ = 0;
      data_.reset(::operator new(bytes, alignment));
      size_ = bytes;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(void* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<void, Free> data_;
  std::size_t size_ = 0;
};

// dst[p][0..rows) = src[0..rows)[p] for p < k, rows of dst `dst_stride` apart: the packing of a transposed operand.
// Lanes from `rows` up to a multiple of the width repeat the last row; the tiles never store what comes of them.
template <class T>
void pack_transposed(Index rows, Index k, const T* src, Index src_stride, T* dst, Index dst_stride) {
  constexpr int w = width<T>;
  for (Index r = 0; r < rows; r += w) {
    const T* in[w];
    for (int i = 0; i < w; ++i) in[i] = src + std::min<Index>(r + i, rows - 1) * src_stride;
    T* out = dst + r;
    Index p = 0;
    for (; p + w <= k; p += w, out += w * dst_stride) {
      Vec<T> v[w];
#pragma GCC unroll 16
      for (int i = 0; i < w; ++i) v[i] = load(in[i] + p);
      transpose<T>(v);
#pragma GCC unroll 16
      for (int i = 0; i < w; ++i) store(out + i * dst_stride, v[i]);
    }
    if (p == k) continue;
    const Lanes<T> lanes(static_cast<int>(k - p));
    Vec<T> v[w];
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) v[i] = lanes.load(in[i] + p);
    transpose<T>(v);
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) {
      if (p + i < k) store(out + i * dst_stride, v[i]);
    }
  }
}

// dst[p][0..columns) = src[p][0..columns) for p < k, columns <= dst_stride; lanes from `columns` up to a multiple of
// the width become zero.
template <class T>
void pack_rows(Index columns, Index k, const T* src, Index src_stride, T* dst, Index dst_stride) {
  constexpr int w = width<T>;
  const Index whole = columns / w * w;
  const Lanes<T> lanes(columns == whole ? w : static_cast<int>(columns - whole));
  for (Index p = 0; p < k; ++p, src += src_stride, dst += dst_stride) {
    for (Index j = 0; j < whole; j += w) store(dst + j, load(src + j));
    if (whole < columns) store(dst + whole, lanes.load(src + whole));
  }
}

}  // namespace ranvier::kernels::gemm_detail
