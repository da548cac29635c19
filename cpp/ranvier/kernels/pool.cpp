#include "ranvier/kernels/pool.h"

#include <cstring>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec.h"

// Forward goes through the rows of the output. Backward goes through the rows of the input: whoever owns a row adds up what
// all windows over it give, in their order, while it lies in the first-level cache.
namespace ranvier::kernels {
namespace {

using vec::Bits;
using vec::lanes;
using vec::load;
using vec::put;
using vec::store;
using vec::Vec;

constexpr Index grain = Index{1} << 16;  // a piece below that costs less than handing it to another thread

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

/// What each element of a window counts for its mean.
template <class T>
RANVIER_INLINE T share_of(const Span& d, const Span& h, const Span& w) {
  return T(1) / static_cast<T>((d.end - d.begin) * (h.end - h.begin) * (w.end - w.begin));
}

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

/// Whether no window is cut off.
bool is_whole(const PoolAxis& a) { return !a.adaptive && a.before == 0 && a.start(a.out - 1) + a.window <= a.in; }

/// Calls f with the window sizes as compile-time constants for the usual windows that are never cut off.
template <class F>
RANVIER_INLINE void with_window(const PoolGeometry& g, F f) {
  using std::integral_constant;
  const auto is = [&](Index i, Index j, Index k) {
    return g.axes[0].window == i && g.axes[1].window == j && g.axes[2].window == k;
  };
  if (std::all_of(g.axes.begin(), g.axes.end(), is_whole)) {
    if (is(1, 2, 2)) return f(integral_constant<int, 1>{}, integral_constant<int, 2>{}, integral_constant<int, 2>{});
    if (is(1, 3, 3)) return f(integral_constant<int, 1>{}, integral_constant<int, 3>{}, integral_constant<int, 3>{});
    if (is(1, 1, 2)) return f(integral_constant<int, 1>{}, integral_constant<int, 1>{}, integral_constant<int, 2>{});
  }
  f(integral_constant<int, 0>{}, integral_constant<int, 0>{}, integral_constant<int, 0>{});
}

/// The outputs whose windows cover position i of the input.
class Cover {
 public:
  Cover(const PoolAxis& axis, Index i) {
    // near the answer, then in steps
    low_ = axis.adaptive ? i * axis.out / axis.in - 1 : (i + axis.before - axis.window) / axis.stride;
    low_ = std::clamp<Index>(low_, 0, std::max<Index>(axis.out - 1, 0));
    while (low_ < axis.out && axis.end(low_) <= i) ++low_;
    end_ = low_;
    while (end_ < axis.out && axis.start(end_) <= i) ++end_;
  }
  Index low() const { return low_; }
  Index end() const { return end_; }
  Index count() const { return end_ - low_; }

 private:
  Index low_;
  Index end_;
};

/// The rows of dx, each by itself: what one output element of a covering window gives to the tap-th element of its part
/// of the row is source(offset in y, first place of the row within the window, spans…)(channel, left)(tap). K: the usual
/// number of taps, or 0.
template <int K, class T, class Source>
RANVIER_INLINE void scatter(const PoolGeometry& g, T* dx, bool accumulate, Source source) {
  const PoolAxis a = g.axes[0];
  const PoolAxis b = g.axes[1];
  const PoolAxis c = g.axes[2];
  const Index n = g.channels;
  const Index rows = g.batch * a.in * b.in;
  // Windows that touch along a row and start with it: each element is written once, and only by the one covering row.
  const bool touching = !c.adaptive && c.stride == c.window && c.before == 0 && c.out * c.window <= c.in;
  parallel_for(rows, rows_for(rows, std::max<Index>(c.in * n, 1), grain), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index d = r / b.in % a.in;
      const Index h = r % b.in;
      const Cover over_d(a, d);
      const Cover over_h(b, h);
      T* to = dx + r * c.in * n;
      const bool once = touching && over_d.count() == 1 && over_h.count() == 1;
      if (!accumulate) {
        const Index covered = once ? c.out * c.window : 0;
        std::fill(to + covered * n, to + c.in * n, T(0));
      }
      for (Index i = over_d.low(); i < over_d.end(); ++i) {
        for (Index j = over_h.low(); j < over_h.end(); ++j) {
          const Span depth = span(a, i);
          const Span height = span(b, j);
          const Index place = ((d - depth.start) * b.window + h - height.start) * c.window;
          const Index row = ((r / (a.in * b.in) * a.out + i) * b.out + j) * c.out;
          for (Index o = 0; o < c.out; ++o) {
            const Span w = span(c, o);
            const auto element = source((row + o) * n, place + w.begin - w.start, depth, height, w);
            T* const at = to + w.begin * n;
            const bool add = accumulate || !once;
            for (Index channel = 0; channel < n; channel += lanes<T>) {
              const Index left = n - channel;
              const auto tap = element(channel, left);
              if (K != 0 && w.end - w.begin == K) {
#pragma GCC unroll 4
                for (Index k = 0; k < K; ++k) put<T>(at + k * n + channel, tap(k), left, add);
              } else {
                for (Index k = 0; k < w.end - w.begin; ++k) put<T>(at + k * n + channel, tap(k), left, add);
              }
            }
          }
        }
      }
    }
  });
}

/// scatter with the width of the windows known at compile time where it is a usual one.
template <class T, class Source>
RANVIER_INLINE void scatter_windows(const PoolGeometry& g, T* dx, bool accumulate, Source source) {
  if (g.axes[2].window == 2) {
    scatter<2>(g, dx, accumulate, source);
  } else if (g.axes[2].window == 3) {
    scatter<3>(g, dx, accumulate, source);
  } else {
    scatter<0>(g, dx, accumulate, source);
  }
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
  scatter_windows(g, dx, accumulate, [=](Index from, Index place, const Span&, const Span&, const Span&) {
    return [=](Index channel, Index left) {
      const Places<T> won = load_places<T>(winner + from + channel, left) - static_cast<Bits<T>>(place);
      const Vec<T> gradient = load(dy + from + channel, left);
      return [=](Index k) { return won == static_cast<Bits<T>>(k) ? gradient : Vec<T>{}; };
    };
  });
}

template <class T>
void sum_pool(const PoolGeometry& g, bool mean, const T* x, T* y, bool accumulate) {
  with_window(g, [=](auto depth, auto height, auto width) {
    each_output(g, [=](const Span& d, const Span& h, const Span& w, Index from, Index to) {
      const Index n = g.channels;
      const T share = mean ? share_of<T>(d, h, w) : T(1);
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
  scatter_windows(g, dx, accumulate, [=](Index from, Index, const Span& d, const Span& h, const Span& w) {
    const T share = mean ? share_of<T>(d, h, w) : T(1);
    return [=](Index channel, Index left) {
      const Vec<T> part = load(dy + from + channel, left) * share;
      return [=](Index) { return part; };
    };
  });
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
