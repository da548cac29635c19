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

// dst[p][0..rows) = src[0..rows)[p] for p < k, rows of dst `dst_stride` apart; lanes from `rows` up to a multiple of
// the width become zero. The source rows are contiguous in p: this is the packing of a transposed operand.
template <class T>
void pack_transposed(Index rows, Index k, const T* src, Index src_stride, T* dst, Index dst_stride) {
  constexpr int w = width<T>;
  for (Index r = 0; r < rows; r += w) {
    const int valid = static_cast<int>(std::min<Index>(w, rows - r));
    const T* in = src + r * src_stride;
    T* out = dst + r;
    Index p = 0;
    if (valid == w) {
      for (; p + w <= k; p += w, in += w, out += w * dst_stride) {
        Vec<T> v[w];
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) v[i] = load(in + i * src_stride);
        transpose<T>(v);
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) store(out + i * dst_stride, v[i]);
      }
    }
    for (; p < k; p += w, in += w, out += w * dst_stride) {
      const int steps = static_cast<int>(std::min<Index>(w, k - p));
      const Lanes<T> lanes(steps);
      Vec<T> v[w] = {};
      for (int i = 0; i < valid; ++i) v[i] = steps == w ? load(in + i * src_stride) : lanes.load(in + i * src_stride);
      transpose<T>(v);
      for (int i = 0; i < steps; ++i) store(out + i * dst_stride, v[i]);
    }
  }
}

// dst[p][0..columns) = src[p][0..columns) for p < k; lanes from `columns` up to a multiple of the width become zero.
template <class T>
void pack_rows(Index columns, Index k, const T* src, Index src_stride, T* dst, Index dst_stride) {
  constexpr int w = width<T>;
  const Index whole = columns / w * w;
  if (whole == 2 * w) {
    for (Index p = 0; p < k; ++p) {
      const T* in = src + p * src_stride;
      T* out = dst + p * dst_stride;
      store(out, load(in));
      store(out + w, load(in + w));
    }
  } else {
    for (Index p = 0; p < k; ++p) {
      for (Index j = 0; j < whole; j += w) store(dst + p * dst_stride + j, load(src + p * src_stride + j));
    }
  }
  if (whole == columns) return;
  const Lanes<T> lanes(static_cast<int>(columns - whole));
  for (Index p = 0; p < k; ++p) store(dst + p * dst_stride + whole, lanes.load(src + p * src_stride + whole));
}

}  // namespace ranvier::kernels::gemm_detail
