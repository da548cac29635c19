#include "ranvier/kernels/pool.h"

#include <cstring>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec.h"

// Forward goes through the rows of the output. Backward goes through the rows of the input and gathers from the windows
// that cover each element, so that no two threads write the same place and no zeros are written beforehand.
namespace ranvier::kernels {
namespace {

using vec::Bits;
using vec::lanes;
using vec::load;
using vec::put;
using vec::store;
using vec::Vec;

constexpr Index grain = 16384;

template <class T>
using Places = vec::Mask<T>;

template <class T, class W>
RANVIER_INLINE void store_places(W* p, Places<T> places, Index left) {
  const auto narrow = __builtin_convertvector(places, vec::VecN<W, lanes<T>>);
  if (left >= lanes<T>) {
    std::memcpy(p, &narrow, sizeof narrow);
  } else {
    for (Index i = 0; i < left; ++i) p[i] = narrow[i];
  }
}
template <class T, class W>
RANVIER_INLINE Places<T> load_places(const W* p, Index left) {
  vec::VecN<W, lanes<T>> narrow{};
  if (left >= lanes<T>) {
    std::memcpy(&narrow, p, sizeof narrow);
  } else {
    for (Index i = 0; i < left; ++i) narrow[i] = p[i];
  }
  return __builtin_convertvector(narrow, Places<T>);
}

/// The part of a window that lies in the input, along one axis.
struct Span {
  Index begin, end;
  Index start;  ///< of the whole window
};
RANVIER_INLINE Span span(const PoolAxis& a, Index o) { return {a.first(o), a.end(o), a.start(o)}; }

/// One output pixel: visit(offset in x, place in the window) over its taps. D, H, W: window sizes known at compile time
/// of windows that are not cut off, or 0.
template <int D, int H, int W, class F>
RANVIER_INLINE void each_tap(const PoolGeometry& g, const Span& d, const Span& h, const Span& w, F visit) {
  const Index row = g.axes[2].in;
  const Index plane = g.axes[1].in * row;
  if constexpr (H != 0) {
#pragma GCC unroll 4
    for (Index i = 0; i < D; ++i) {
#pragma GCC unroll 4
      for (Index j = 0; j < H; ++j) {
#pragma GCC unroll 4
        for (Index k = 0; k < W; ++k) visit(i * plane + j * row + k, (i * H + j) * W + k);
      }
    }
  } else {
    for (Index i = d.begin; i < d.end; ++i) {
      for (Index j = h.begin; j < h.end; ++j) {
        const Index place = ((i - d.start) * g.axes[1].window + j - h.start) * g.axes[2].window - w.start;
        for (Index k = w.begin; k < w.end; ++k) {
          visit((i - d.begin) * plane + (j - h.begin) * row + k - w.begin, place + k);
        }
      }
    }
  }
}

/// pixel(spans…, offset of the window in x, offset of the pixel in y), in elements, for every output pixel.
template <class F>
RANVIER_INLINE void each_output(const PoolGeometry& g, F pixel) {
  const PoolAxis a = g.axes[0];
  const PoolAxis b = g.axes[1];
  const PoolAxis c = g.axes[2];
  const Index rows = g.batch * a.out * b.out;
  const Index cost = c.out * g.channels * std::min(c.window, c.in) * std::min(b.window, b.in);
  parallel_for(rows, rows_for(rows, std::max<Index>(cost, 1), grain), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Span d = span(a, r / b.out % a.out);
      const Span h = span(b, r % b.out);
      const Index image = r / (a.out * b.out) * a.in;
      const Index from = ((image + d.begin) * b.in + h.begin) * c.in;
      for (Index o = 0; o < c.out; ++o) {
        const Span w = span(c, o);
        pixel(d, h, w, (from + w.begin) * g.channels, (r * c.out + o) * g.channels);
      }
    }
  });
}

/// Calls f with the window sizes as compile-time constants for the usual windows that are never cut off.
template <class F>
RANVIER_INLINE void with_window(const PoolGeometry& g, F f) {
  using std::integral_constant;
  const auto is = [&](Index i, Index j, Index k) {
    return g.axes[0].window == i && g.axes[1].window == j && g.axes[2].window == k;
  };
  const bool whole = std::all_of(g.axes.begin(), g.axes.end(), [](const PoolAxis& x) {
    return !x.adaptive && x.before == 0 && x.start(x.out - 1) + x.window <= x.in;
  });
  if (whole) {
    if (is(1, 2, 2)) return f(integral_constant<int, 1>{}, integral_constant<int, 2>{}, integral_constant<int, 2>{});
    if (is(1, 3, 3)) return f(integral_constant<int, 1>{}, integral_constant<int, 3>{}, integral_constant<int, 3>{});
    if (is(1, 1, 2)) return f(integral_constant<int, 1>{}, integral_constant<int, 1>{}, integral_constant<int, 2>{});
  }
  f(integral_constant<int, 0>{}, integral_constant<int, 0>{}, integral_constant<int, 0>{});
}

/// The outputs whose windows cover one position of the input, kept up to date while the position moves on.
class Cover {
 public:
  explicit Cover(const PoolAxis& axis) : axis_(axis) {}
  Cover(const PoolAxis& axis, Index i) : axis_(axis) {
    if (!axis.adaptive) {  // near the answer, then in steps
      low_ = std::clamp<Index>((i + axis.before - axis.window) / axis.stride, 0, std::max<Index>(axis.out - 1, 0));
    } else {
      low_ = std::max<Index>(i * axis.out / axis.in - 1, 0);
    }
    end_ = low_;
    move_to(i);
  }
  /// i must not decrease.
  RANVIER_INLINE void move_to(Index i) {
    while (low_ < axis_.out && axis_.end(low_) <= i) ++low_;
    end_ = std::max(end_, low_);
    while (end_ < axis_.out && axis_.start(end_) <= i) ++end_;
  }
  Index low() const { return low_; }
  Index end() const { return end_; }

 private:
  const PoolAxis& axis_;
  Index low_ = 0;
  Index end_ = 0;
};

/// pixel(d, h, w, covers…, image number, offset in x) for every pixel of the input, row by row.
template <class F>
RANVIER_INLINE void each_input(const PoolGeometry& g, F pixel) {
  const PoolAxis a = g.axes[0];
  const PoolAxis b = g.axes[1];
  const PoolAxis c = g.axes[2];
  const Index rows = g.batch * a.in * b.in;
  parallel_for(rows, rows_for(rows, std::max<Index>(c.in * g.channels, 1), grain), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index d = r / b.in % a.in;
      const Index h = r % b.in;
      const Cover over_d(a, d);
      const Cover over_h(b, h);
      Cover over_w(c);
      for (Index w = 0; w < c.in; ++w) {
        over_w.move_to(w);
        pixel(std::array{d, h, w}, over_d, over_h, over_w, r / (a.in * b.in), (r * c.in + w) * g.channels);
      }
    }
  });
}

/// visit(offset of the output pixel in y in elements, its place on each axis) over all windows that cover a pixel.
template <class F>
RANVIER_INLINE void each_cover(const PoolGeometry& g, const Cover& d, const Cover& h, const Cover& w, Index image,
                               F visit) {
  const auto& [a, b, c] = g.axes;
  for (Index i = d.low(); i < d.end(); ++i) {
    for (Index j = h.low(); j < h.end(); ++j) {
      const Index row = ((image * a.out + i) * b.out + j) * c.out;
      for (Index k = w.low(); k < w.end(); ++k) visit((row + k) * g.channels, i, j, k);
    }
  }
}

/// The windows over a pixel as (offset in y, a number for each), gathered once for all its channels. Windows with more
/// covers than fit are walked again for every vector of channels.
template <class N>
struct Covers {
  static constexpr Index room = 32;
  std::array<Index, room> at;
  std::array<N, room> number;
  Index count = 0;
};

RANVIER_INLINE Index many(const Cover& c) { return c.end() - c.low(); }

/// dx = Σ term(offset in y, number) over the windows of every input pixel; number(i, j, k, pixel) is computed once for
/// all channels.
template <class T, class N, class Number, class Term>
RANVIER_INLINE void gather(const PoolGeometry& g, T* dx, bool accumulate, Number number, Term term) {
  const Index n = g.channels;
  each_input(
      g, [=](const std::array<Index, 3>& at, const Cover& d, const Cover& h, const Cover& w, Index image, Index to) {
        const Index count = many(d) * many(h) * many(w);
        if (count == 1) {
          each_cover(g, d, h, w, image, [&](Index from, Index i, Index j, Index k) {
            const N own = number(i, j, k, at);
            for (Index c = 0; c < n; c += lanes<T>) put<T>(dx + to + c, term(from + c, own, n - c), n - c, accumulate);
          });
        } else if (count <= Covers<N>::room) {
          Covers<N> covers;
          each_cover(g, d, h, w, image, [&](Index from, Index i, Index j, Index k) {
            covers.at[static_cast<std::size_t>(covers.count)] = from;
            covers.number[static_cast<std::size_t>(covers.count++)] = number(i, j, k, at);
          });
          for (Index c = 0; c < n; c += lanes<T>) {
            Vec<T> sum{};
            for (std::size_t p = 0; p < static_cast<std::size_t>(covers.count); ++p) {
              sum += term(covers.at[p] + c, covers.number[p], n - c);
            }
            put<T>(dx + to + c, sum, n - c, accumulate);
          }
        } else {
          for (Index c = 0; c < n; c += lanes<T>) {
            Vec<T> sum{};
            each_cover(g, d, h, w, image, [&](Index from, Index i, Index j, Index k) {
              sum += term(from + c, number(i, j, k, at), n - c);
            });
            put<T>(dx + to + c, sum, n - c, accumulate);
          }
        }
      });
}

template <class T, class W, bool keep>
void max_forward(const PoolGeometry& g, const T* x, T* y, W* winner) {
  with_window(g, [=](auto depth, auto height, auto width) {
    each_output(g, [=](const Span& d, const Span& h, const Span& w, Index from, Index to) {
      const Index n = g.channels;
      for (Index c = 0; c < n; c += lanes<T>) {
        const T* at = x + from + c;
        const Index left = n - c;
        Vec<T> best = load(at, left);
        Places<T> place =
            Places<T>{} +
            static_cast<Bits<T>>(((d.begin - d.start) * g.axes[1].window + h.begin - h.start) * g.axes[2].window +
                                 w.begin - w.start);
        each_tap<depth(), height(), width()>(g, d, h, w, [&](Index offset, Index tap) {
          const Vec<T> v = load(at + offset * n, left);
          const auto better = (v > best) | (v != v);
          best = better ? v : best;
          if constexpr (keep) place = better ? Places<T>{} + static_cast<Bits<T>>(tap) : place;
        });
        store(y + to + c, best, left);
        if constexpr (keep) store_places<T>(winner + to + c, place, left);
      }
    });
  });
}

}  // namespace

template <class T, class W>
void max_pool(const PoolGeometry& g, const T* x, T* y, W* winner) {
  if (winner != nullptr) {
    max_forward<T, W, true>(g, x, y, winner);
  } else {
    max_forward<T, W, false>(g, x, y, winner);
  }
}

template <class T, class W>
void max_pool_backward(const PoolGeometry& g, const W* winner, const T* dy, T* dx, bool accumulate) {
  gather<T, Bits<T>>(
      g, dx, accumulate,
      [=](Index i, Index j, Index k, const std::array<Index, 3>& at) {
        const auto& [a, b, c] = g.axes;
        return static_cast<Bits<T>>(((at[0] - a.start(i)) * b.window + at[1] - b.start(j)) * c.window + at[2] -
                                    c.start(k));
      },
      [=](Index from, Bits<T> tap, Index left) {
        return load_places<T>(winner + from, left) == tap ? load(dy + from, left) : Vec<T>{};
      });
}

template <class T>
void sum_pool(const PoolGeometry& g, bool mean, const T* x, T* y, bool accumulate) {
  with_window(g, [=](auto depth, auto height, auto width) {
    each_output(g, [=](const Span& d, const Span& h, const Span& w, Index from, Index to) {
      const Index n = g.channels;
      const T share = mean ? T(1) / static_cast<T>((d.end - d.begin) * (h.end - h.begin) * (w.end - w.begin)) : T(1);
      for (Index c = 0; c < n; c += lanes<T>) {
        Vec<T> sum{};
        each_tap<depth(), height(), width()>(
            g, d, h, w, [&](Index offset, Index) { sum += load(x + from + c + offset * n, n - c); });
        put<T>(y + to + c, sum * share, n - c, accumulate);
      }
    });
  });
}

template <class T>
void sum_pool_backward(const PoolGeometry& g, bool mean, const T* dy, T* dx, bool accumulate) {
  gather<T, T>(
      g, dx, accumulate,
      [=](Index i, Index j, Index k, const std::array<Index, 3>&) {
        if (!mean) return T(1);
        const auto& [a, b, c] = g.axes;
        const auto size = [](const PoolAxis& axis, Index o) { return axis.end(o) - axis.first(o); };
        return T(1) / static_cast<T>(size(a, i) * size(b, j) * size(c, k));
      },
      [=](Index from, T share, Index left) { return load(dy + from, left) * share; });
}

#define RANVIER_INSTANTIATE(T)                                                                                      \
  template void max_pool<T, std::uint8_t>(const PoolGeometry&, const T*, T*, std::uint8_t*);                        \
  template void max_pool<T, std::uint32_t>(const PoolGeometry&, const T*, T*, std::uint32_t*);                      \
  template void max_pool_backward<T, std::uint8_t>(const PoolGeometry&, const std::uint8_t*, const T*, T*, bool);   \
  template void max_pool_backward<T, std::uint32_t>(const PoolGeometry&, const std::uint32_t*, const T*, T*, bool); \
  template void sum_pool<T>(const PoolGeometry&, bool, const T*, T*, bool);                                         \
  template void sum_pool_backward<T>(const PoolGeometry&, bool, const T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
