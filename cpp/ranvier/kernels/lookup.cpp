#include "ranvier/kernels/lookup.h"

#include <atomic>
#include <cmath>

#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 16384;

template <class T>
bool names_row(T x, Index rows) {
  if constexpr (std::is_floating_point_v<T>) {
    // A float below 2^63 that is at least 0 converts without overflow; NaN fails the comparisons.
    return x >= 0 && x < static_cast<T>(9.2e18) && std::trunc(x) == x && static_cast<Index>(x) < rows;
  } else {
    return x >= 0 && static_cast<Index>(x) < rows;
  }
}

}  // namespace

template <class T>
void check_indices(Index n, Index rows, const T* given, std::int64_t* index, Stray* stray) {
  std::atomic<bool> bad{false};
  parallel_for(n, grain, [&](Index begin, Index end) {
    bool wrong = false;
    for (Index i = begin; i < end; ++i) {
      const bool good = names_row(given[i], rows);
      wrong = wrong || !good;
      index[i] = good ? static_cast<std::int64_t>(given[i]) : 0;
    }
    if (wrong) bad.store(true, std::memory_order_relaxed);
  });
  stray->position = -1;
  if (!bad.load(std::memory_order_relaxed)) return;
  Index first = 0;
  while (names_row(given[first], rows)) ++first;
  stray->position = first;
  stray->value = static_cast<double>(given[first]);
}

template <class T>
void add_grouped_rows(std::span<const Index> rows, Index width, const Index* order, const Index* ends, const T* from,
                      T* grad) {
  const auto count = static_cast<Index>(rows.size());
  const Index added = count == 0 ? 0 : ends[count - 1];
  const Index each = count == 0 ? 1 : added / count + 1;
  parallel_for(count, rows_for(count, each * width, grain), [=](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      T* to = grad + rows[static_cast<std::size_t>(k)] * width;
      for (Index i = k == 0 ? 0 : ends[k - 1]; i < ends[k]; ++i) {
        const T* row = from + order[i] * width;
        for (Index j = 0; j < width; ++j) to[j] += row[j];
      }
    }
  });
}

template <class T>
void nonzero(Index n, const T* given, bool* mask) {
  parallel_for(n, grain, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) mask[i] = given[i] != T{0};
  });
}

#define RANVIER_INSTANTIATE(T)                                                   \
  template void check_indices<T>(Index, Index, const T*, std::int64_t*, Stray*); \
  template void nonzero<T>(Index, const T*, bool*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
RANVIER_INSTANTIATE(std::int32_t)
RANVIER_INSTANTIATE(std::int64_t)
template void add_grouped_rows<float>(std::span<const Index>, Index, const Index*, const Index*, const float*, float*);
template void add_grouped_rows<double>(std::span<const Index>, Index, const Index*, const Index*, const double*,
                                       double*);
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
