#include <algorithm>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/softmax.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 4096;

}  // namespace

// y = max(x − τ, 0) with τ such that y sums to 1. Michelot's iteration (1986) instead of sorting: τ is the mean excess
// over the elements still above the last τ; it only grows, so the set only shrinks and the loop ends.
template <class T>
void sparsemax(Index rows, Index n, const T* x, T* y) {
  if (n == 0) return;
  parallel_for(rows, rows_for(rows, n, grain), [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* xr = x + r * n;
      T* yr = y + r * n;
      const double max = static_cast<double>(*std::max_element(xr, xr + n));
      // Elements 1 or more below the largest can never be in the support.
      double tau = -1;
      for (Index count = n + 1;;) {
        double sum = 0;
        Index above = 0;
        for (Index i = 0; i < n; ++i) {
          const double v = static_cast<double>(xr[i]) - max;
          const bool in = !(v <= tau);  // a NaN counts, and spreads
          sum += in ? v : 0.0;
          above += in ? 1 : 0;
        }
        if (above >= count || above == 0) break;
        count = above;
        tau = (sum - 1) / static_cast<double>(above);
      }
      const auto level = static_cast<T>(tau);
      for (Index i = 0; i < n; ++i) {
        const T v = (xr[i] - static_cast<T>(max)) - level;
        yr[i] = v <= T(0) ? T(0) : v;
      }
    }
  });
}

// On the support (y > 0) the Jacobian is 1 − 1/|S|, elsewhere 0.
template <class T>
void sparsemax_backward(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate) {
  parallel_for(rows, rows_for(rows, n, grain), [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* yr = y + r * n;
      const T* gr = dy + r * n;
      T* dr = dx + r * n;
      double sum = 0;
      Index count = 0;
      for (Index i = 0; i < n; ++i) {
        sum += yr[i] > T(0) ? static_cast<double>(gr[i]) : 0.0;
        count += yr[i] > T(0) ? 1 : 0;
      }
      const auto mean = static_cast<T>(sum / static_cast<double>(std::max<Index>(count, 1)));
      for (Index i = 0; i < n; ++i) {
        const T d = yr[i] > T(0) ? gr[i] - mean : T(0);
        dr[i] = accumulate ? dr[i] + d : d;
      }
    }
  });
}

template void sparsemax<float>(Index, Index, const float*, float*);
template void sparsemax<double>(Index, Index, const double*, double*);
template void sparsemax_backward<float>(Index, Index, const float*, const float*, float*, bool);
template void sparsemax_backward<double>(Index, Index, const double*, const double*, double*, bool);

}  // namespace ranvier::kernels
