#include "ranvier/kernels/move.h"

#include <algorithm>
#include <cstring>

#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 32768;

/// Rows that come in any order: the next ones are asked for while this one is copied.
constexpr Index ahead = 4;

}  // namespace

template <class T, class I>
void gather_rows(Index n, Index row, const I* index, const T* src, T* dst) {
  if (row == 0) return;
  if (row == 1) {
    parallel_for(n, grain, [=](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) dst[i] = src[index[i]];
    });
    return;
  }
  parallel_for(n, rows_for(n, row, grain), [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (i + ahead < end) __builtin_prefetch(src + static_cast<Index>(index[i + ahead]) * row);
      std::memcpy(dst + i * row, src + static_cast<Index>(index[i]) * row, static_cast<std::size_t>(row) * sizeof(T));
    }
  });
}

template <class T, class I>
void scatter_add_rows(Index n, Index /*rows*/, Index row, const I* index, const T* src, T* dst) {
  // Cut by columns, so that every element of dst is added to by one thread, in the order of the rows of src. Pieces of
  // at least a cache line's length.
  const Index width = n * row <= grain ? std::max<Index>(row, 1) : std::max<Index>(64, grain / std::max<Index>(n, 1));
  parallel_for(row, width, [=](Index begin, Index end) {
    for (Index i = 0; i < n; ++i) {
      T* to = dst + static_cast<Index>(index[i]) * row;
      const T* from = src + i * row;
      for (Index j = begin; j < end; ++j) to[j] = static_cast<T>(to[j] + from[j]);
    }
  });
}

template <class T, class I>
void one_hot(Index n, Index classes, const I* index, T on, T off, T* y) {
  if (classes == 0) return;
  parallel_for(n, rows_for(n, classes, grain), [=](Index begin, Index end) {
    std::fill(y + begin * classes, y + end * classes, off);
    for (Index i = begin; i < end; ++i) {
      const auto k = static_cast<Index>(index[i]);
      if (k >= 0 && k < classes) y[i * classes + k] = on;
    }
  });
}

template <class T>
void fill(Index n, T value, T* y) {
  parallel_for(n, grain, [=](Index begin, Index end) { std::fill(y + begin, y + end, value); });
}

#define RANVIER_INSTANTIATE_INDEX(T, I)                                  \
  template void gather_rows<T, I>(Index, Index, const I*, const T*, T*); \
  template void one_hot<T, I>(Index, Index, const I*, T, T, T*);
#define RANVIER_INSTANTIATE_NUMERIC(T, I) \
  template void scatter_add_rows<T, I>(Index, Index, Index, const I*, const T*, T*);
#define RANVIER_INSTANTIATE(T)               \
  RANVIER_INSTANTIATE_INDEX(T, std::int32_t) \
  RANVIER_INSTANTIATE_INDEX(T, std::int64_t) \
  template void fill<T>(Index, T, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
RANVIER_INSTANTIATE(std::int32_t)
RANVIER_INSTANTIATE(std::int64_t)
RANVIER_INSTANTIATE(bool)
RANVIER_INSTANTIATE_NUMERIC(float, std::int32_t)
RANVIER_INSTANTIATE_NUMERIC(float, std::int64_t)
RANVIER_INSTANTIATE_NUMERIC(double, std::int32_t)
RANVIER_INSTANTIATE_NUMERIC(double, std::int64_t)
RANVIER_INSTANTIATE_NUMERIC(std::int32_t, std::int32_t)
RANVIER_INSTANTIATE_NUMERIC(std::int32_t, std::int64_t)
RANVIER_INSTANTIATE_NUMERIC(std::int64_t, std::int32_t)
RANVIER_INSTANTIATE_NUMERIC(std::int64_t, std::int64_t)
#undef RANVIER_INSTANTIATE
#undef RANVIER_INSTANTIATE_INDEX
#undef RANVIER_INSTANTIATE_NUMERIC

}  // namespace ranvier::kernels
