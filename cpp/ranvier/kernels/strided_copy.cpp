#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/move.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 32768;
// A block of the transpose: 16 rows of 16 elements are 16 cache lines on either side.
constexpr Index block = 16;

struct Axis {
  Index dim, src, dst;
};

/// The nest without axes of size 1, the axes with the largest steps of dst outermost, neighbours merged.
struct Plan {
  int rank = 0;
  std::array<Axis, max_rank> axes{};
  Index numel = 1;

  explicit Plan(const StridedCopy& nest) {
    for (int i = 0; i < nest.rank; ++i) {
      const auto at = static_cast<std::size_t>(i);
      numel *= nest.dims[at];
      if (nest.dims[at] != 1) axes[static_cast<std::size_t>(rank++)] = {nest.dims[at], nest.src[at], nest.dst[at]};
    }
    if (numel == 0) return;
    // Sorted by hand: std::stable_sort takes memory from the heap, in every call.
    for (auto at = axes.begin(); at != axes.begin() + rank; ++at) {
      const auto further = [](const Axis& a, const Axis& b) { return std::abs(a.dst) > std::abs(b.dst); };
      std::rotate(std::upper_bound(axes.begin(), at, *at, further), at, at + 1);
    }
    int used = 0;
    for (int i = 0; i < rank; ++i) {
      const Axis axis = axes[static_cast<std::size_t>(i)];
      if (used > 0) {
        Axis& last = axes[static_cast<std::size_t>(used - 1)];
        if (last.src == axis.src * axis.dim && last.dst == axis.dst * axis.dim) {
          last = {last.dim * axis.dim, axis.src, axis.dst};
          continue;
        }
      }
      axes[static_cast<std::size_t>(used++)] = axis;
    }
    rank = used;
  }

  Axis take_last() { return axes[static_cast<std::size_t>(--rank)]; }
  Axis take(int i) {
    const Axis axis = axes[static_cast<std::size_t>(i)];
    std::copy(axes.begin() + i + 1, axes.begin() + rank, axes.begin() + i);
    --rank;
    return axis;
  }
  Index outer() const {
    Index n = 1;
    for (int i = 0; i < rank; ++i) n *= axes[static_cast<std::size_t>(i)].dim;
    return n;
  }

  /// f(src offset, dst offset) for the outer positions [begin, end), counting like an odometer.
  template <class F>
  void walk(Index begin, Index end, F f) const {
    std::array<Index, max_rank> at{};
    Index src = 0;
    Index dst = 0;
    Index rest = begin;
    for (int i = rank - 1; i >= 0; --i) {
      const Axis& axis = axes[static_cast<std::size_t>(i)];
      const Index k = rest % axis.dim;
      rest /= axis.dim;
      at[static_cast<std::size_t>(i)] = k;
      src += k * axis.src;
      dst += k * axis.dst;
    }
    for (Index step = begin; step < end; ++step) {
      f(src, dst);
      for (int i = rank - 1; i >= 0; --i) {
        const Axis& axis = axes[static_cast<std::size_t>(i)];
        Index& k = at[static_cast<std::size_t>(i)];
        src += axis.src;
        dst += axis.dst;
        if (++k < axis.dim) break;
        k = 0;
        src -= axis.dim * axis.src;
        dst -= axis.dim * axis.dst;
      }
    }
  }
};

template <class T>
RANVIER_INLINE void assign(T& to, T from, bool accumulate) {
  if constexpr (!std::is_same_v<T, bool>) {
    to = accumulate ? static_cast<T>(to + from) : from;
  } else {
    to = from;
  }
}

template <class T>
void copy_row(Index n, const T* src, T* dst, bool accumulate) {
  if (!accumulate) {
    // The call costs more than a short row.
    if (n > 16) {
      std::memcpy(dst, src, static_cast<std::size_t>(n) * sizeof(T));
    } else {
      for (Index i = 0; i < n; ++i) dst[i] = src[i];
    }
    return;
  }
  for (Index i = 0; i < n; ++i) assign(dst[i], src[i], true);
}

/// dst[i·dst_row + j] = src[i + j·src_col]: columns of src become rows of dst.
template <class T>
void transpose(Index rows, Index cols, const T* src, Index src_col, T* dst, Index dst_row, bool accumulate) {
  for (Index i0 = 0; i0 < rows; i0 += block) {
    const Index i1 = std::min(rows, i0 + block);
    for (Index j0 = 0; j0 < cols; j0 += block) {
      const Index j1 = std::min(cols, j0 + block);
      for (Index i = i0; i < i1; ++i) {
        for (Index j = j0; j < j1; ++j) assign(dst[i * dst_row + j], src[i + j * src_col], accumulate);
      }
    }
  }
}

}  // namespace

template <class T>
void strided_copy(const StridedCopy& nest, const T* src, T* dst, bool accumulate) {
  Plan plan(nest);
  if (plan.numel == 0) return;
  if (plan.rank == 0) {
    assign(*dst, *src, accumulate);
    return;
  }
  const Axis inner = plan.take_last();
  if (inner.src == 1 && inner.dst == 1) {
    if (plan.rank == 0) {
      parallel_for(inner.dim, grain, [=](Index b, Index e) { copy_row(e - b, src + b, dst + b, accumulate); });
      return;
    }
    parallel_for(plan.outer(), std::max<Index>(1, grain / inner.dim), [&](Index begin, Index end) {
      plan.walk(begin, end, [&](Index s, Index d) { copy_row(inner.dim, src + s, dst + d, accumulate); });
    });
    return;
  }
  int unit = plan.rank - 1;
  while (unit >= 0 && plan.axes[static_cast<std::size_t>(unit)].src != 1) --unit;
  if (inner.dst == 1 && unit >= 0) {
    const Axis rows = plan.take(unit);
    // The rows of a transpose are cut as well: often there is no axis outside it.
    const Index strip = std::max<Index>(1, grain / inner.dim / block) * block;
    const Index strips = (rows.dim + strip - 1) / strip;
    parallel_for(plan.outer() * strips, std::max<Index>(1, grain / (inner.dim * std::min(strip, rows.dim))),
                 [&](Index begin, Index end) {
                   for (Index p = begin; p < end; ++p) {
                     const Index first = p % strips * strip;
                     plan.walk(p / strips, p / strips + 1, [&](Index s, Index d) {
                       transpose(std::min(strip, rows.dim - first), inner.dim, src + s + first, inner.src,
                                 dst + d + first * rows.dst, rows.dst, accumulate);
                     });
                   }
                 });
    return;
  }
  parallel_for(plan.outer(), std::max<Index>(1, grain / inner.dim), [&](Index begin, Index end) {
    plan.walk(begin, end, [&](Index s, Index d) {
      for (Index i = 0; i < inner.dim; ++i) assign(dst[d + i * inner.dst], src[s + i * inner.src], accumulate);
    });
  });
}

template void strided_copy<float>(const StridedCopy&, const float*, float*, bool);
template void strided_copy<double>(const StridedCopy&, const double*, double*, bool);
template void strided_copy<std::int32_t>(const StridedCopy&, const std::int32_t*, std::int32_t*, bool);
template void strided_copy<std::int64_t>(const StridedCopy&, const std::int64_t*, std::int64_t*, bool);
template void strided_copy<bool>(const StridedCopy&, const bool*, bool*, bool);

}  // namespace ranvier::kernels
