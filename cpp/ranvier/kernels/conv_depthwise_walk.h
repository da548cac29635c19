// What one position of a depthwise convolution meets along an axis, and the loops that gather it.
#pragma once

#include <numeric>

#include "ranvier/kernels/conv_span.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels::depthwise {

using Sizes = ConvGeometry::Sizes;

/// Source positions `at`, at + step, … with the taps `tap`, tap + tap_step, …: `count` pairs.
struct Walk {
  Index at = 0;
  Index tap = 0;
  Index step = 1;
  Index tap_step = 1;
  Index count = 0;
};

/// to[p] = Σ from[q]·w[t] over the pairs (q, t) that p meets: the forward pass gathers x into y, its gradient dy into dx.
struct Gather {
  Sizes from;
  Sizes to;
  Sizes kernel;
  Sizes stride;
  Sizes dilation;
  Sizes before;
  bool backward;

  Gather(const ConvGeometry& g, bool is_backward)
      : from(is_backward ? g.out : g.in),
        to(is_backward ? g.in : g.out),
        kernel(g.kernel),
        stride(g.stride),
        dilation(g.dilation),
        before(g.before),
        backward(is_backward) {}

  Walk walk(std::size_t axis, Index position) const {
    const Index d = dilation[axis];
    const Index s = stride[axis];
    if (!backward) {
      const Index first = position * s - before[axis];
      const conv_detail::Span taps = conv_detail::inside(first, d, kernel[axis], from[axis]);
      return {first + taps.begin * d, taps.begin, d, 1, taps.size()};
    }
    // position + before = q·s + t·d: the t that leave a multiple of s are s/gcd(s, d) apart.
    const Index sum = position + before[axis];
    const Index apart = s / std::gcd(s, d);
    const Index end = std::min(apart, kernel[axis]);
    Index first = 0;
    while (first < end && (sum - first * d) % s != 0) ++first;
    if (first == end) return {};
    const Index back = apart * d / s;
    // The sources go down from sum/s; counted from the other end of the axis they go up.
    const Index source = (sum - first * d) / s;
    const conv_detail::Span steps =
        conv_detail::inside(from[axis] - 1 - source, back, (kernel[axis] - 1 - first) / apart + 1, from[axis]);
    return {source - steps.begin * back, first + steps.begin * apart, -back, apart, steps.size()};
  }
};

/// f<K, stride>() for the windows along the last axis that there is code for, otherwise other(). In float64, which is
/// for checking gradients, they are few: each costs compile time and space in the wheel.
template <class T, class F, class G>
auto with_window(const ConvGeometry& g, F f, G other) {
  const Index k = g.dilation[2] == 1 ? g.kernel[2] : 0;
  if (g.stride[2] == 1 && k == 3) return f.template operator()<3, 1>();
  if (g.stride[2] == 2 && k == 3) return f.template operator()<3, 2>();
  if constexpr (sizeof(T) == 4) {
    if (g.stride[2] == 1 && k == 5) return f.template operator()<5, 1>();
    if (g.stride[2] == 1 && k == 7) return f.template operator()<7, 1>();
    if (g.stride[2] == 2 && k == 5) return f.template operator()<5, 2>();
  }
  return other();
}

/// f(0), f(1), … f(N−1), the numbers known to the compiler.
template <int N, class F>
RANVIER_INLINE void unrolled(F f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

/// A whole vector, or its first `left` lanes with zeros behind them.
template <class T, bool Full>
RANVIER_INLINE vec::Vec<T> get(const T* p, Index left) {
  return Full ? vec::load(p) : vec::load_part(p, left);
}
template <class T, bool Full>
RANVIER_INLINE void put(T* p, vec::Vec<T> v, Index left) {
  if constexpr (Full) {
    vec::store(p, v);
  } else {
    vec::store_part(p, v, left);
  }
}

/// f<Full>(c, left) for every vector of n channels.
template <class T, class F>
RANVIER_INLINE void each_vector(Index n, F f) {
  Index c = 0;
  for (; c + vec::lanes<T> <= n; c += vec::lanes<T>) f.template operator()<true>(c, vec::lanes<T>);
  if (c < n) f.template operator()<false>(c, n - c);
}

}  // namespace ranvier::kernels::depthwise
