#include "ranvier/kernels/blocks.h"
#include "ranvier/kernels/nest.h"
#include "ranvier/kernels/reduce.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::Vec;

constexpr Index grain = 16384;

/// Integers are summed as unsigned ones: they wrap around instead of overflowing.
template <class T>
struct RingOf {
  using type = std::make_unsigned_t<T>;
};
template <>
struct RingOf<float> {
  using type = float;
};
template <>
struct RingOf<double> {
  using type = double;
};

/// Along contiguous rows.
template <class T>
void sum_contiguous(Index outer, Index length, const T* x, T scale, T* y, bool accumulate) {
  const auto piece = [=](const T* row) {
    return [row](Index begin, Index end) {
      return sum_of_terms<T>(begin, end, [row](Index i, Index left) { return load(row + i, left); });
    };
  };
  const auto finish = [=](Index r, Total<T> sum) {
    const T value = scale * static_cast<T>(sum);
    y[r] = accumulate ? y[r] + value : value;
  };
  if (outer == 1) {
    finish(0, parallel_sum<Total<T>>(length, 2 * grain, piece(x)));
    return;
  }
  parallel_for(outer, rows_for(outer, length, grain), [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) finish(r, piece(x + r * length)(0, length));
  });
}

/// Down columns: the gradient of a bias.
template <class T>
void sum_columns(Index outer, Index length, Index inner, const T* x, T scale, T* y, bool accumulate) {
  const Index strips = (inner + strip_columns - 1) / strip_columns;
  const Index work = length * std::min(inner, strip_columns);
  parallel_for(outer * strips, rows_for(outer * strips, work, grain), [=](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Index o = strips == 1 ? s : s / strips;
      const Index first = (s - o * strips) * strip_columns;
      const Index cols = std::min(strip_columns, inner - first);
      const T* xs = x + o * length * inner + first;
      T* ys = y + o * inner + first;
      std::array<Strip<T>, 1> sums;
      sum_strip<T, 1>(
          length, cols,
          [=](Index r, Index j, Index left) { return std::array<Vec<T>, 1>{load(xs + r * inner + j, left)}; }, sums);
      for (Index j = 0; j < cols; j += lanes<T>) {
        vec::put<T>(ys + j, scale * load(sums[0].data() + j), cols - j, accumulate);
      }
    }
  });
}

}  // namespace

template <class T>
void reduce_sum(Index outer, Index length, Index inner, const T* x, T scale, T* y, bool accumulate) {
  using R = typename RingOf<T>::type;
  const R* from = reinterpret_cast<const R*>(x);
  R* to = reinterpret_cast<R*>(y);
  if (inner == 1) {
    sum_contiguous<R>(outer, length, from, static_cast<R>(scale), to, accumulate);
  } else {
    sum_columns<R>(outer, length, inner, from, static_cast<R>(scale), to, accumulate);
  }
}

template <class T>
void reduce_sum_backward(Index outer, Index length, Index inner, const T* dy, T scale, T* dx, bool accumulate) {
  using R = typename RingOf<T>::type;
  const R* from = reinterpret_cast<const R*>(dy);
  R* to = reinterpret_cast<R*>(dx);
  const R factor = static_cast<R>(scale);
  // The gradient is repeated along the middle axis: a broadcast.
  Broadcast nest;
  nest.rank = 2;
  nest.dims = {outer, length};
  nest.a = {1, 0};
  if (inner != 1) {
    nest.rank = 3;
    nest.dims[2] = inner;
    nest.a = {inner, 0, 1};
  }
  const bool one = inner == 1;
  each_nest_row(nest, [=](Index n, Index at, Index, Index to_at) {
    const Vec<R> fixed = vec::set1<R>(from[at]);
    for (Index i = 0; i < n; i += lanes<R>) {
      vec::put<R>(to + to_at + i, factor * (one ? fixed : load(from + at + i, n - i)), n - i, accumulate);
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                             \
  template void reduce_sum<T>(Index, Index, Index, const T*, T, T*, bool); \
  template void reduce_sum_backward<T>(Index, Index, Index, const T*, T, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
RANVIER_INSTANTIATE(std::int32_t)
RANVIER_INSTANTIATE(std::int64_t)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
