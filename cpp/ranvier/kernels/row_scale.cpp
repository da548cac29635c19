#include "ranvier/kernels/norm.h"
#include "ranvier/kernels/norm_parts.h"

namespace ranvier::kernels {

using namespace norm;

template <class T>
void scale_rows(Index rows, Index n, const T* x, const RowScale<T>& scale, const T* gamma, T* y, T* rstd) {
  each_rows(rows, n, [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* xr = x + r * n;
      const T size = scale.share * static_cast<T>(sum_of_terms<T>(0, n, [=](Index i, Index left) {
                       const Vec<T> v = load(xr + i, left);
                       return v * v;
                     }));
      const T root = reciprocal_root(size > scale.least ? size : scale.least, scale.eps);
      rstd[r] = root;
      for (Index i = 0; i < n; i += lanes<T>) {
        const Index left = n - i;
        Vec<T> v = load(xr + i, left) * root;
        if (gamma != nullptr) v *= load(gamma + i, left);
        store(y + r * n + i, v, left);
      }
    }
  });
}

// With g = dy·γ: dx = r·(g − x·r²·share·Σ g·x) along the row, and r·g where `least` held r; dγ = Σ dy·x·r over the rows.
template <class T>
void scale_rows_backward(Index rows, Index n, const T* x, const RowScale<T>& scale, const T* rstd, const T* gamma,
                         const T* dy, T* dx, bool dx_accumulate, T* dgamma, bool dgamma_accumulate) {
  if (dx != nullptr) {
    const T held = reciprocal_root(scale.least, scale.eps);
    each_rows(rows, n, [=](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const T* xr = x + r * n;
        const T* gr = dy + r * n;
        const T root = rstd[r];
        const auto scaled = [=](Index i, Index left) {
          const Vec<T> g = load(gr + i, left);
          return gamma != nullptr ? g * load(gamma + i, left) : g;
        };
        T slope = 0;
        if (root < held) {
          slope = scale.share * root * root * static_cast<T>(sum_of_terms<T>(0, n, [=](Index i, Index left) {
                    return scaled(i, left) * load(xr + i, left);
                  }));
        }
        for (Index i = 0; i < n; i += lanes<T>) {
          const Index left = n - i;
          put<T>(dx + r * n + i, root * (scaled(i, left) - load(xr + i, left) * slope), left, dx_accumulate);
        }
      }
    });
  }
  if (dgamma == nullptr) return;
  each_strip(rows, n, [=](Index first, Index cols) {
    Strips<T, 1> sums;
    sum_strip<T, 1>(
        rows, cols,
        [=](Index r, Index j, Index left) {
          const Index at = r * n + first + j;
          return std::array{load(dy + at, left) * (load(x + at, left) * rstd[r])};
        },
        sums);
    for (Index j = 0; j < cols; j += lanes<T>) {
      put<T>(dgamma + first + j, load(sums[0].data() + j), cols - j, dgamma_accumulate);
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                       \
  template void scale_rows<T>(Index, Index, const T*, const RowScale<T>&, const T*, T*, T*);                         \
  template void scale_rows_backward<T>(Index, Index, const T*, const RowScale<T>&, const T*, const T*, const T*, T*, \
                                       bool, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
