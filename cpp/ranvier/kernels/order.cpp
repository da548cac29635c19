#include "ranvier/kernels/order.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 16384;

template <class T>
bool comes_first(const T* row, std::int32_t a, std::int32_t b) {
  const T x = row[a];
  const T y = row[b];
  if (x != x || y != y) {  // NaN
    const bool first = x != x;
    return first != (y != y) ? first : a < b;
  }
  return x > y || (x == y && a < b);
}

}  // namespace

template <class T>
void cumulative_sum(Index outer, Index length, Index inner, bool reverse, const T* x, T* y, bool accumulate) {
  parallel_for(outer, rows_for(outer, length * inner, grain), [=](Index begin, Index end) {
    std::vector<T> sum(static_cast<std::size_t>(inner));
    for (Index o = begin; o < end; ++o) {
      std::fill(sum.begin(), sum.end(), T{0});
      for (Index step = 0; step < length; ++step) {
        const Index at = (o * length + (reverse ? length - 1 - step : step)) * inner;
        for (Index j = 0; j < inner; ++j) {
          T& total = sum[static_cast<std::size_t>(j)];
          total = static_cast<T>(total + x[at + j]);
          y[at + j] = accumulate ? static_cast<T>(y[at + j] + total) : total;
        }
      }
    }
  });
}

template <class T>
void top_k(Index rows, Index n, Index k, const T* x, T* values, std::int32_t* positions) {
  parallel_for(rows, rows_for(rows, n, grain), [=](Index begin, Index end) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(n));
    for (Index r = begin; r < end; ++r) {
      const T* row = x + r * n;
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(),
                        [row](std::int32_t a, std::int32_t b) { return comes_first(row, a, b); });
      for (Index j = 0; j < k; ++j) {
        positions[r * k + j] = order[static_cast<std::size_t>(j)];
        values[r * k + j] = row[order[static_cast<std::size_t>(j)]];
      }
    }
  });
}

template <class T>
void top_k_backward(Index rows, Index n, Index k, const std::int32_t* positions, const T* dy, T* dx) {
  parallel_for(rows, rows_for(rows, k, grain), [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      for (Index j = 0; j < k; ++j) dx[r * n + positions[r * k + j]] += dy[r * k + j];
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                    \
  template void cumulative_sum<T>(Index, Index, Index, bool, const T*, T*, bool); \
  template void top_k<T>(Index, Index, Index, const T*, T*, std::int32_t*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
RANVIER_INSTANTIATE(std::int32_t)
RANVIER_INSTANTIATE(std::int64_t)
#undef RANVIER_INSTANTIATE
template void top_k_backward<float>(Index, Index, Index, const std::int32_t*, const float*, float*);
template void top_k_backward<double>(Index, Index, Index, const std::int32_t*, const double*, double*);

}  // namespace ranvier::kernels
