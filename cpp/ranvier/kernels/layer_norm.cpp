#include "ranvier/kernels/norm.h"
#include "ranvier/kernels/norm_parts.h"

namespace ranvier::kernels {

using namespace norm;

template <class T>
void layer_normalize(Index rows, Index n, const T* x, T eps, const T* gamma, const T* beta, T* y, T* mean, T* rstd) {
  const T share = T(1) / static_cast<T>(n);
  each_rows(rows, n, [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* xr = x + r * n;
      const T m =
          share * static_cast<T>(sum_of_terms<T>(0, n, [=](Index i, Index left) { return load(xr + i, left); }));
      const T variance = share * static_cast<T>(sum_of_terms<T>(0, n, [=](Index i, Index left) {
                           const Vec<T> d = lanes_within<T>(load(xr + i, left) - m, left);
                           return d * d;
                         }));
      const T root = reciprocal_root(variance, eps);
      mean[r] = m;
      rstd[r] = root;
      for (Index i = 0; i < n; i += lanes<T>) {
        const Index left = n - i;
        Vec<T> v = (load(xr + i, left) - m) * root;
        if (gamma != nullptr) v *= load(gamma + i, left);
        if (beta != nullptr) v += load(beta + i, left);
        store(y + r * n + i, v, left);
      }
    }
  });
}

// With g = dy·γ: dx = r·(g − mean(g) − x̂·mean(g·x̂)) along the row; dβ = Σ dy, dγ = Σ dy·x̂ over the rows.
template <class T>
void layer_normalize_backward(Index rows, Index n, const T* x, const T* mean, const T* rstd, const T* gamma,
                              const T* dy, T* dx, bool dx_accumulate, T* dgamma, bool dgamma_accumulate, T* dbeta,
                              bool dbeta_accumulate) {
  if (dx != nullptr) {
    const T share = T(1) / static_cast<T>(n);
    each_rows(rows, n, [=](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const T* xr = x + r * n;
        const T* gr = dy + r * n;
        const T m = mean[r];
        const T root = rstd[r];
        const auto scaled = [=](Index i, Index left) {
          const Vec<T> g = load(gr + i, left);
          return gamma != nullptr ? g * load(gamma + i, left) : g;
        };
        const auto normal = [=](Index i, Index left) { return (load(xr + i, left) - m) * root; };
        const T sum = share * static_cast<T>(sum_of_terms<T>(0, n, scaled));
        const T dot = share * static_cast<T>(sum_of_terms<T>(
                                  0, n, [=](Index i, Index left) { return scaled(i, left) * normal(i, left); }));
        for (Index i = 0; i < n; i += lanes<T>) {
          const Index left = n - i;
          put<T>(dx + r * n + i, root * (scaled(i, left) - sum - normal(i, left) * dot), left, dx_accumulate);
        }
      }
    });
  }
  if (dgamma == nullptr && dbeta == nullptr) return;
  each_strip(rows, n, [=](Index first, Index cols) {
    Strips<T, 2> sums;
    sum_strip<T, 2>(
        rows, cols,
        [=](Index r, Index j, Index left) {
          const Index at = r * n + first + j;
          const Vec<T> g = load(dy + at, left);
          return std::array{g, g * ((load(x + at, left) - mean[r]) * rstd[r])};
        },
        sums);
    for (Index j = 0; j < cols; j += lanes<T>) {
      const Index left = cols - j;
      if (dbeta != nullptr) put<T>(dbeta + first + j, load(sums[0].data() + j), left, dbeta_accumulate);
      if (dgamma != nullptr) put<T>(dgamma + first + j, load(sums[1].data() + j), left, dgamma_accumulate);
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                        \
  template void layer_normalize<T>(Index, Index, const T*, T, const T*, const T*, T*, T*, T*);                        \
  template void layer_normalize_backward<T>(Index, Index, const T*, const T*, const T*, const T*, const T*, T*, bool, \
                                            T*, bool, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
