// Moving elements without arithmetic: strided copies (transpose, slice, concatenate), gathers, casts, fills.
#pragma once

#include <array>

#include "ranvier/core/dtype.h"
#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// A loop nest that walks two arrays with strides in elements.
struct StridedCopy {
  int rank = 0;
  std::array<Index, max_rank> dims{};
  std::array<Index, max_rank> src{};
  std::array<Index, max_rank> dst{};
};

/// dst = src over the nest, or dst += src with accumulate; strides may be 0 or negative on the source.
/// Axes are merged and reordered inside where that helps; 2-D transposes go in blocks. T: any of the five types
/// (accumulate only for numeric ones).
template <class T>
void strided_copy(const StridedCopy& nest, const T* src, T* dst, bool accumulate);

/// dst (n, row) = src[index[i]] for rows of `row` elements; indices are checked by the caller. I: int32 or int64.
template <class T, class I>
void gather_rows(Index n, Index row, const I* index, const T* src, T* dst);
/// dst[index[i]] += src[i]; rows with the same index are added in order, whatever the number of threads.
template <class T, class I>
void scatter_add_rows(Index n, Index rows, Index row, const I* index, const T* src, T* dst);

/// y (n, classes) = on at index[i], off elsewhere; an index out of range gives a row of off.
template <class T, class I>
void one_hot(Index n, Index classes, const I* index, T on, T off, T* y);

/// dst[i] = src[i] converted; float to integer truncates, anything to bool is != 0. NaN and values out of range become
/// 0 and the nearest bound (never undefined behaviour).
void cast(DType from, DType to, Index n, const void* src, void* dst);

/// The batch gather of the training step: dst row i = src row index[i], rows of `row` elements `src_stride` bytes
/// apart, converted from the source's type.
enum class Source : std::uint8_t { f32, f64, i8, u8, i16, u16, i32, u32, i64, u64, boolean };
std::size_t size_of(Source type);
void gather_convert(Source type, DType to, Index n, Index row, const std::int64_t* index, const void* src,
                    Index src_stride, void* dst);

template <class T>
void fill(Index n, T value, T* y);

}  // namespace ranvier::kernels
