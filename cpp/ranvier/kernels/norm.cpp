#include "ranvier/kernels/norm.h"

#include "ranvier/kernels/blocks.h"
#include "ranvier/kernels/vec_math.h"

// Channels: x is (outer, channels, inner). inner == 1 (channels last) runs down columns, a strip of channels at a time;
// else every channel is a set of contiguous runs.
namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::put;
using vec::store;
using vec::Vec;

constexpr Index grain = 16384;

template <class T, std::size_t K>
using Strips = std::array<Strip<T>, K>;

/// f(first channel, how many) for every strip.
template <class F>
RANVIER_INLINE void each_strip(Index rows, Index channels, F f) {
  const Index strips = (channels + strip_columns - 1) / strip_columns;
  parallel_for(strips, rows_for(strips, rows * std::min(channels, strip_columns), grain), [=](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Index first = s * strip_columns;
      f(first, std::min(strip_columns, channels - first));
    }
  });
}

/// f(first row, last row) in pieces of rows that are worth a thread.
template <class F>
RANVIER_INLINE void each_rows(Index rows, Index n, F f) {
  parallel_for(rows, rows_for(rows, n, grain), f);
}

/// f(channel) for channels of `length` elements each.
template <class F>
RANVIER_INLINE void each_channel(Index channels, Index length, F f) {
  parallel_for(channels, rows_for(channels, length, grain), [=](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) f(c);
  });
}

template <class T>
RANVIER_INLINE Vec<T> lanes_within(Vec<T> v, Index left) {
  return left >= lanes<T> ? v : vec::first_lanes<T>(left) ? v : Vec<T>{};
}

/// Σ term over all runs of a channel.
template <class T, class Term>
RANVIER_INLINE double sum_runs(Index outer, Index run, Term term) {
  double total = 0;
  for (Index o = 0; o < outer; ++o) {
    total += sum_of_terms<T>(0, run, [&](Index i, Index left) { return term(o, i, left); });
  }
  return total;
}

/// 1/sqrt(variance + eps) of a strip.
template <class T>
RANVIER_INLINE void reciprocal_roots(Index cols, const T* variance, T eps, Strip<T>& to) {
  for (Index j = 0; j < cols; j += lanes<T>) {
    store<T>(to.data() + j, T(1) / vec::sqrt<T>(load(variance + j, cols - j) + eps));
  }
}

template <class T>
T reciprocal_root(T variance, T eps) {
  return T(1) / std::sqrt(variance + eps);
}

}  // namespace

// Two passes: the mean first, then squares of small differences, which do not cancel.
template <class T>
void channel_moments(Index outer, Index channels, Index inner, const T* x, T* mean, T* variance) {
  const T share = T(1) / static_cast<T>(outer * inner);
  if (inner == 1) {
    each_strip(outer, channels, [=](Index first, Index cols) {
      const T* xs = x + first;
      T* mean_s = mean + first;
      Strips<T, 1> sums;
      sum_strip<T, 1>(
          outer, cols, [=](Index r, Index j, Index left) { return std::array{load(xs + r * channels + j, left)}; },
          sums);
      for (Index j = 0; j < cols; j += lanes<T>) store(mean_s + j, share * load(sums[0].data() + j), cols - j);
      sum_strip<T, 1>(
          outer, cols,
          [=](Index r, Index j, Index left) {
            const Vec<T> d = load(xs + r * channels + j, left) - load(mean_s + j, left);
            return std::array{d * d};
          },
          sums);
      for (Index j = 0; j < cols; j += lanes<T>)
        store(variance + first + j, share * load(sums[0].data() + j), cols - j);
    });
    return;
  }
  each_channel(channels, outer * inner, [=](Index c) {
    const T* xc = x + c * inner;
    const Index step = channels * inner;
    const T m = share * static_cast<T>(sum_runs<T>(
                            outer, inner, [=](Index o, Index i, Index left) { return load(xc + o * step + i, left); }));
    mean[c] = m;
    variance[c] = share * static_cast<T>(sum_runs<T>(outer, inner, [=](Index o, Index i, Index left) {
                    const Vec<T> d = lanes_within<T>(load(xc + o * step + i, left) - m, left);
                    return d * d;
                  }));
  });
}

template <class T>
void channel_normalize(Index outer, Index channels, Index inner, const T* x, const T* mean, const T* variance, T eps,
                       const T* gamma, const T* beta, T* y) {
  if (inner == 1) {
    each_strip(outer, channels, [=](Index first, Index cols) {
      Strip<T> scale;
      reciprocal_roots(cols, variance + first, eps, scale);
      if (gamma != nullptr) {
        for (Index j = 0; j < cols; j += lanes<T>) {
          store<T>(scale.data() + j, load(scale.data() + j) * load(gamma + first + j, cols - j));
        }
      }
      each_rows(outer, cols, [=, scales = scale.data()](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          const Index at = r * channels + first;
          for (Index j = 0; j < cols; j += lanes<T>) {
            const Index left = cols - j;
            Vec<T> v = (load(x + at + j, left) - load(mean + first + j, left)) * load(scales + j);
            if (beta != nullptr) v += load(beta + first + j, left);
            store(y + at + j, v, left);
          }
        }
      });
    });
    return;
  }
  each_channel(outer * channels, inner, [=](Index k) {
    const Index c = k % channels;
    const T scale = reciprocal_root(variance[c], eps) * (gamma != nullptr ? gamma[c] : T(1));
    const T shift = beta != nullptr ? beta[c] : T(0);
    const T m = mean[c];
    for (Index i = 0; i < inner; i += lanes<T>) {
      store(y + k * inner + i, (load(x + k * inner + i, inner - i) - m) * scale + shift, inner - i);
    }
  });
}

// x̂ = (x − μ)·r, r = 1/√(σ² + eps); dβ = Σ dy, dγ = Σ dy·x̂; dx = γ·r·dy, and with batch statistics
// dx = γ·r·(dy − dβ/N − x̂·dγ/N).
template <class T>
void channel_normalize_backward(Index outer, Index channels, Index inner, const T* x, const T* mean, const T* variance,
                                T eps, const T* gamma, bool batch_statistics, const T* dy, T* dx, bool dx_accumulate,
                                T* dgamma, bool dgamma_accumulate, T* dbeta, bool dbeta_accumulate) {
  const T share = batch_statistics ? T(1) / static_cast<T>(outer * inner) : T(0);
  const bool sums_wanted = dgamma != nullptr || dbeta != nullptr || (dx != nullptr && batch_statistics);
  if (inner == 1) {
    each_strip(outer, channels, [=](Index first, Index cols) {
      Strip<T> root;
      reciprocal_roots(cols, variance + first, eps, root);
      const T* roots = root.data();
      Strips<T, 2> sums{};  // Σ dy and Σ dy·x̂
      if (sums_wanted) {
        sum_strip<T, 2>(
            outer, cols,
            [=](Index r, Index j, Index left) {
              const Index at = r * channels + first + j;
              const Vec<T> g = load(dy + at, left);
              return std::array{g, g * ((load(x + at, left) - load(mean + first + j, left)) * load(roots + j))};
            },
            sums);
      }
      for (Index j = 0; j < cols; j += lanes<T>) {
        const Index left = cols - j;
        if (dbeta != nullptr) put<T>(dbeta + first + j, load(sums[0].data() + j), left, dbeta_accumulate);
        if (dgamma != nullptr) put<T>(dgamma + first + j, load(sums[1].data() + j), left, dgamma_accumulate);
      }
      if (dx == nullptr) return;
      each_rows(outer, cols, [=, sum = sums[0].data(), dot = sums[1].data()](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          for (Index j = 0; j < cols; j += lanes<T>) {
            const Index left = cols - j;
            const Index at = r * channels + first + j;
            Vec<T> v = load(dy + at, left);
            if (batch_statistics) {
              const Vec<T> normal = (load(x + at, left) - load(mean + first + j, left)) * load(roots + j);
              v -= share * (load(sum + j) + normal * load(dot + j));
            }
            v *= load(roots + j);
            if (gamma != nullptr) v *= load(gamma + first + j, left);
            put<T>(dx + at, v, left, dx_accumulate);
          }
        }
      });
    });
    return;
  }
  each_channel(channels, outer * inner, [=](Index c) {
    const T root = reciprocal_root(variance[c], eps);
    const T m = mean[c];
    const Index step = channels * inner;
    const Index start = c * inner;
    T sum = 0;
    T dot = 0;
    if (sums_wanted) {
      sum = static_cast<T>(sum_runs<T>(
          outer, inner, [=](Index o, Index i, Index left) { return load(dy + start + o * step + i, left); }));
      dot = static_cast<T>(sum_runs<T>(outer, inner, [=](Index o, Index i, Index left) {
        const Index at = start + o * step + i;
        return load(dy + at, left) * ((load(x + at, left) - m) * root);
      }));
    }
    if (dbeta != nullptr) dbeta[c] = dbeta_accumulate ? dbeta[c] + sum : sum;
    if (dgamma != nullptr) dgamma[c] = dgamma_accumulate ? dgamma[c] + dot : dot;
    if (dx == nullptr) return;
    const T scale = gamma != nullptr ? root * gamma[c] : root;
    for (Index o = 0; o < outer; ++o) {
      for (Index i = 0; i < inner; i += lanes<T>) {
        const Index left = inner - i;
        const Index at = start + o * step + i;
        Vec<T> v = load(dy + at, left);
        if (batch_statistics) v -= share * (sum + (load(x + at, left) - m) * root * dot);
        put<T>(dx + at, v * scale, left, dx_accumulate);
      }
    }
  });
}

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
  template void channel_moments<T>(Index, Index, Index, const T*, T*, T*);                                            \
  template void channel_normalize<T>(Index, Index, Index, const T*, const T*, const T*, T, const T*, const T*, T*);   \
  template void channel_normalize_backward<T>(Index, Index, Index, const T*, const T*, const T*, T, const T*, bool,   \
                                              const T*, T*, bool, T*, bool, T*, bool);                                \
  template void layer_normalize<T>(Index, Index, const T*, T, const T*, const T*, T*, T*, T*);                        \
  template void layer_normalize_backward<T>(Index, Index, const T*, const T*, const T*, const T*, const T*, T*, bool, \
                                            T*, bool, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
