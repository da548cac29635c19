#include "ranvier/kernels/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::put;
using vec::store;
using vec::Vec;

constexpr Index grain = 16384;

/// Half the width of the filter, in inputs.
double reach(const ResizeAxis& axis) {
  double radius = 0;
  switch (axis.method) {
    case Interpolation::nearest:
      return 0.5;
    case Interpolation::bilinear:
      radius = 1;
      break;
    case Interpolation::bicubic:
      radius = 2;
      break;
    case Interpolation::lanczos3:
      radius = 3;
      break;
    case Interpolation::lanczos5:
      radius = 5;
      break;
  }
  const double shrink = static_cast<double>(axis.in) / static_cast<double>(axis.out);
  return axis.antialias ? radius * std::max(shrink, 1.0) : radius;
}

/// sinc(x)·sinc(x/radius) (Lanczos).
double lanczos(double x, double radius) {
  if (x > radius) return 0;
  if (x <= 1e-3) return 1;  // where the quotient would lose its digits
  const double a = std::numbers::pi * x;
  return radius * std::sin(a) * std::sin(a / radius) / (a * a);
}

/// The filter at distance x >= 0 of its centre. Cubic: Keys 1981 with a = -1/2.
double filter(Interpolation method, double x) {
  switch (method) {
    case Interpolation::nearest:
      return 1;
    case Interpolation::bilinear:
      return std::max(0.0, 1 - x);
    case Interpolation::bicubic:
      if (x >= 2) return 0;
      return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
    case Interpolation::lanczos3:
      return lanczos(x, 3);
    case Interpolation::lanczos5:
      return lanczos(x, 5);
  }
  return 0;
}

}  // namespace

Index ResizeAxis::taps() const {
  return std::min(in, std::max<Index>(1, static_cast<Index>(std::ceil(2 * reach(*this)))));
}

template <class T>
void resize_table(const ResizeAxis& axis, Index* first, T* weight) {
  const Index taps = axis.taps();
  const double step = static_cast<double>(axis.in) / static_cast<double>(axis.out);
  const double half = reach(axis);
  const double widened = axis.antialias ? std::max(step, 1.0) : 1.0;
  for (Index o = 0; o < axis.out; ++o) {
    T* w = weight + o * taps;
    if (axis.method == Interpolation::nearest) {
      first[o] = (2 * o + 1) * axis.in / (2 * axis.out);
      w[0] = 1;
      continue;
    }
    const double centre = (static_cast<double>(o) + 0.5) * step - 0.5;
    first[o] = std::clamp<Index>(static_cast<Index>(std::floor(centre - half)) + 1, 0, axis.in - taps);
    const auto at = [&](Index k) {
      return filter(axis.method, std::abs(centre - static_cast<double>(first[o] + k)) / widened);
    };
    double total = 0;
    for (Index k = 0; k < taps; ++k) total += at(k);
    for (Index k = 0; k < taps; ++k) w[k] = static_cast<T>(at(k) / total);
  }
}

template <class T>
void resize(const ResizeAxis& axis, Index outer, Index inner, const Index* first, const T* weight, const T* x, T* y) {
  const Index rows = outer * axis.out;
  const Index taps = axis.taps();
  parallel_for(rows, rows_for(rows, inner * taps, grain), [=, in = axis.in, out = axis.out](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index o = r % out;
      const T* from = x + (r / out * in + first[o]) * inner;
      const T* w = weight + o * taps;
      for (Index i = 0; i < inner; i += lanes<T>) {
        Vec<T> sum = w[0] * load(from + i, inner - i);
        for (Index k = 1; k < taps; ++k) sum += w[k] * load(from + k * inner + i, inner - i);
        store(y + r * inner + i, sum, inner - i);
      }
    }
  });
}

template <class T>
void resize_backward(const ResizeAxis& axis, Index outer, Index inner, const Index* first, const T* weight, const T* dy,
                     T* dx, bool accumulate) {
  const Index rows = outer * axis.in;
  const Index taps = axis.taps();
  const Index cost = std::max<Index>(1, inner * std::max<Index>(1, taps * axis.out / axis.in));
  parallel_for(rows, rows_for(rows, cost, grain), [=, in = axis.in, out = axis.out](Index begin, Index end) {
    // Outputs [low, high) look at input r % in; both only grow within an image, because `first` does.
    Index low = 0;
    Index high = 0;
    for (Index r = begin; r < end; ++r) {
      const Index i = r % in;
      if (r == begin || i == 0) {
        low = std::upper_bound(first, first + out, i - taps) - first;
        high = low;
      }
      while (low < out && first[low] + taps <= i) ++low;
      high = std::max(high, low);
      while (high < out && first[high] <= i) ++high;
      const T* from = dy + r / in * out * inner;
      for (Index c = 0; c < inner; c += lanes<T>) {
        Vec<T> sum{};
        for (Index o = low; o < high; ++o)
          sum += weight[o * taps + i - first[o]] * load(from + o * inner + c, inner - c);
        put<T>(dx + r * inner + c, sum, inner - c, accumulate);
      }
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                                    \
  template void resize_table<T>(const ResizeAxis&, Index*, T*);                                   \
  template void resize<T>(const ResizeAxis&, Index, Index, const Index*, const T*, const T*, T*); \
  template void resize_backward<T>(const ResizeAxis&, Index, Index, const Index*, const T*, const T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
