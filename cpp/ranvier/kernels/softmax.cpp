#include "ranvier/kernels/softmax.h"

#include <algorithm>
#include <array>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::put;
using vec::store;
using vec::Vec;

constexpr Index grain = 8192;

/// Whole groups of rows, so that a group never straddles two pieces.
Index rows_per_piece(Index rows, Index n) { return (rows_for(rows, n, grain) + 15) / 16 * 16; }

template <class T>
constexpr T lowest = -std::numeric_limits<T>::infinity();

/// load, with −inf behind the end: neutral for max, and exp makes 0 of it.
template <class T>
RANVIER_INLINE Vec<T> load_logits(const T* p, Index left) {
  if (left >= lanes<T>) return load(p);
  return vec::first_lanes<T>(left) ? vec::load_part(p, left) : vec::set1<T>(lowest<T>);
}

template <class T>
RANVIER_INLINE T row_max(Index n, const T* x) {
  Vec<T> top = vec::set1<T>(lowest<T>);
  for (Index i = 0; i < n; i += lanes<T>) {
    const Vec<T> v = load_logits(x + i, n - i);
    top = v > top ? v : top;
  }
  return vec::largest<T>(top);
}

/// Σ exp(x − max) of a row; visit(i, left, x − max, exp(x − max)) sees every vector on the way.
template <class T, class Visit>
RANVIER_INLINE T exp_row(Index n, const T* x, T max, Visit visit) {
  Vec<T> total{};
  for (Index i = 0; i < n; i += lanes<T>) {
    const Vec<T> shifted = load_logits(x + i, n - i) - max;
    const Vec<T> e = vec::exp<T>(shifted);
    total += e;
    visit(i, n - i, shifted, e);
  }
  return vec::sum<T>(total);
}

template <class T>
RANVIER_INLINE void scale_row(Index n, T factor, T* y) {
  for (Index i = 0; i < n; i += lanes<T>) store(y + i, factor * load(y + i, n - i), n - i);
}

/// Groups of rows as long as a vector: what a row ends with (a logarithm) is then done for all of them at once.
template <class F>
RANVIER_INLINE void each_group(Index rows, Index n, Index group, F f) {
  parallel_for(rows, rows_per_piece(rows, n), [&](Index begin, Index end) {
    for (Index r = begin; r < end; r += group) f(r, std::min(group, end - r));
  });
}

template <class F>
RANVIER_INLINE void each_row(Index rows, Index n, F f) {
  parallel_for(rows, rows_per_piece(rows, n), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) f(r);
  });
}

template <class T>
using Group = std::array<T, static_cast<std::size_t>(lanes<T>)>;

}  // namespace

template <class T>
void softmax(Index rows, Index n, const T* x, T* y) {
  each_row(rows, n, [=](Index r) {
    const T* xr = x + r * n;
    T* yr = y + r * n;
    if (n <= lanes<T>) {  // the whole row in one register
      const Vec<T> v = load_logits(xr, n);
      const Vec<T> e = vec::exp<T>(v - vec::largest<T>(v));
      store(yr, e * (T(1) / vec::sum<T>(e)), n);
      return;
    }
    const T sum =
        exp_row(n, xr, row_max(n, xr), [=](Index i, Index left, Vec<T>, Vec<T> e) { store(yr + i, e, left); });
    scale_row(n, T(1) / sum, yr);
  });
}

template <class T>
void softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate) {
  each_row(rows, n, [=](Index r) {
    const T* yr = y + r * n;
    const T* gr = dy + r * n;
    T* dr = dx + r * n;
    Vec<T> total{};
    for (Index i = 0; i < n; i += lanes<T>) total += load(yr + i, n - i) * load(gr + i, n - i);
    const T dot = vec::sum<T>(total);
    for (Index i = 0; i < n; i += lanes<T>) {
      put<T>(dr + i, load(yr + i, n - i) * (load(gr + i, n - i) - dot), n - i, accumulate);
    }
  });
}

template <class T>
void log_softmax(Index rows, Index n, const T* x, T* y) {
  each_group(rows, n, lanes<T>, [=](Index first, Index count) {
    Group<T> max;
    Group<T> log_sum{};
    for (Index k = 0; k < count; ++k) {
      const T* xr = x + (first + k) * n;
      const auto at = static_cast<std::size_t>(k);
      max[at] = row_max(n, xr);
      log_sum[at] = exp_row(n, xr, max[at], [](Index, Index, Vec<T>, Vec<T>) {});
    }
    store(log_sum.data(), vec::log<T>(load(log_sum.data())));
    for (Index k = 0; k < count; ++k) {
      const T* xr = x + (first + k) * n;
      T* yr = y + (first + k) * n;
      const auto at = static_cast<std::size_t>(k);
      for (Index i = 0; i < n; i += lanes<T>) {
        store(yr + i, (load(xr + i, n - i) - max[at]) - log_sum[at], n - i);
      }
    }
  });
}

template <class T>
void log_softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate) {
  each_row(rows, n, [=](Index r) {
    const T* yr = y + r * n;
    const T* gr = dy + r * n;
    T* dr = dx + r * n;
    Vec<T> total{};
    for (Index i = 0; i < n; i += lanes<T>) total += load(gr + i, n - i);
    const T sum = vec::sum<T>(total);
    for (Index i = 0; i < n; i += lanes<T>) {
      put<T>(dr + i, load(gr + i, n - i) - vec::exp<T>(load(yr + i, n - i)) * sum, n - i, accumulate);
    }
  });
}

template <class T, class I>
void sparse_cross_entropy(Index rows, Index n, const T* x, const I* label, bool use_ignore, I ignore, T* loss,
                          T* prob) {
  each_group(rows, n, lanes<T>, [=](Index first, Index count) {
    Group<T> sum{};
    Group<T> margin{};  // max − x[label]
    for (Index k = 0; k < count; ++k) {
      const T* xr = x + (first + k) * n;
      T* pr = prob == nullptr ? nullptr : prob + (first + k) * n;
      const auto at = static_cast<std::size_t>(k);
      T max;
      if (n <= lanes<T>) {
        const Vec<T> v = load_logits(xr, n);
        max = vec::largest<T>(v);
        const Vec<T> e = vec::exp<T>(v - max);
        sum[at] = vec::sum<T>(e);
        if (pr != nullptr) store(pr, e * (T(1) / sum[at]), n);
      } else {
        max = row_max(n, xr);
        sum[at] = exp_row(n, xr, max, [=](Index i, Index left, Vec<T>, Vec<T> e) {
          if (pr != nullptr) store(pr + i, e, left);
        });
        if (pr != nullptr) scale_row(n, T(1) / sum[at], pr);
      }
      const auto l = static_cast<Index>(label[first + k]);
      margin[at] = l >= 0 && l < n ? max - xr[l] : std::numeric_limits<T>::quiet_NaN();
    }
    store(loss + first, vec::log<T>(load(sum.data())) + load(margin.data()), count);
    if (!use_ignore) return;
    for (Index r = first; r < first + count; ++r) {
      if (label[r] == ignore) loss[r] = 0;
    }
  });
}

template <class T, class I>
void sparse_cross_entropy_backward(Index rows, Index n, const T* prob, const I* label, bool use_ignore, I ignore,
                                   const T* g, T* dx, bool accumulate) {
  using Bits = vec::Bits<T>;
  each_row(rows, n, [=](Index r) {
    const T* pr = prob + r * n;
    T* dr = dx + r * n;
    const bool ignored = use_ignore && label[r] == ignore;
    if (ignored) {
      if (!accumulate) std::fill_n(dr, n, T(0));
      return;
    }
    const auto l = static_cast<Index>(label[r]);
    const T gr = g[r];
    const auto at = vec::set1<Bits>(static_cast<Bits>(l >= 0 && l < n ? l : Index{-1}));
    for (Index i = 0; i < n; i += lanes<T>) {
      const Vec<T> p = load(pr + i, n - i);
      const Vec<T> hit = vec::iota<Bits>() + static_cast<Bits>(i) == at ? p - T(1) : p;
      put<T>(dr + i, gr * hit, n - i, accumulate);
    }
  });
}

template <class T>
void cross_entropy(Index rows, Index n, const T* x, const T* target, T smoothing, T* loss, T* prob) {
  const T keep = T(1) - smoothing;
  const T share = smoothing / static_cast<T>(std::max<Index>(n, 1));
  each_group(rows, n, lanes<T>, [=](Index first, Index count) {
    Group<T> sum{};
    Group<T> mass{};  // Σ t
    Group<T> dot{};   // Σ t·(x − max)
    for (Index k = 0; k < count; ++k) {
      const T* xr = x + (first + k) * n;
      const T* tr = target + (first + k) * n;
      T* pr = prob == nullptr ? nullptr : prob + (first + k) * n;
      const auto at = static_cast<std::size_t>(k);
      Vec<T> masses{};
      Vec<T> dots{};
      sum[at] = exp_row(n, xr, row_max(n, xr), [&](Index i, Index left, Vec<T> shifted, Vec<T> e) {
        Vec<T> t = load(tr + i, left) * keep + share;
        if (left < lanes<T>) t = vec::first_lanes<T>(left) ? t : Vec<T>{};
        masses += t;
        // A class that cannot be (t = 0) costs nothing, even where its logit is −inf.
        dots += t == T(0) ? Vec<T>{} : t * shifted;
        if (pr != nullptr) store(pr + i, e, left);
      });
      mass[at] = vec::sum<T>(masses);
      dot[at] = vec::sum<T>(dots);
      if (pr != nullptr) scale_row(n, T(1) / sum[at], pr);
    }
    store(loss + first, vec::log<T>(load(sum.data())) * load(mass.data()) - load(dot.data()), count);
  });
}

template <class T>
void cross_entropy_backward(Index rows, Index n, const T* prob, const T* target, T smoothing, const T* g, T* dx,
                            bool accumulate) {
  const T keep = T(1) - smoothing;
  const T share = smoothing / static_cast<T>(std::max<Index>(n, 1));
  each_row(rows, n, [=](Index r) {
    const T* pr = prob + r * n;
    const T* tr = target + r * n;
    T* dr = dx + r * n;
    Vec<T> total{};
    for (Index i = 0; i < n; i += lanes<T>) total += load(tr + i, n - i);
    const T mass = vec::sum<T>(total) * keep + smoothing;
    const T gr = g[r];
    for (Index i = 0; i < n; i += lanes<T>) {
      const Vec<T> t = load(tr + i, n - i) * keep + share;
      put<T>(dr + i, gr * (load(pr + i, n - i) * mass - t), n - i, accumulate);
    }
  });
}

#define RANVIER_INSTANTIATE_LABELS(T, I)                                                       \
  template void sparse_cross_entropy<T, I>(Index, Index, const T*, const I*, bool, I, T*, T*); \
  template void sparse_cross_entropy_backward<T, I>(Index, Index, const T*, const I*, bool, I, const T*, T*, bool);
#define RANVIER_INSTANTIATE(T)                                                                      \
  template void softmax<T>(Index, Index, const T*, T*);                                             \
  template void softmax_backward<T>(Index, Index, const T*, const T*, T*, bool);                    \
  template void log_softmax<T>(Index, Index, const T*, T*);                                         \
  template void log_softmax_backward<T>(Index, Index, const T*, const T*, T*, bool);                \
  template void cross_entropy<T>(Index, Index, const T*, const T*, T, T*, T*);                      \
  template void cross_entropy_backward<T>(Index, Index, const T*, const T*, T, const T*, T*, bool); \
  RANVIER_INSTANTIATE_LABELS(T, std::int32_t)                                                       \
  RANVIER_INSTANTIATE_LABELS(T, std::int64_t)
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE
#undef RANVIER_INSTANTIATE_LABELS

}  // namespace ranvier::kernels
