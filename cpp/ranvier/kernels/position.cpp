#include "ranvier/kernels/position.h"

#include <cmath>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {

using vec::lanes;
using vec::load;
using vec::put;
using vec::Vec;

template <class T>
void waves(Index steps, Index size, const double* frequency, const std::uint8_t* cosine, T* y) {
  for (Index t = 0; t < steps; ++t) {
    for (Index j = 0; j < size; ++j) {
      const double angle = static_cast<double>(t) * frequency[j];
      y[t * size + j] = static_cast<T>(cosine[j] != 0 ? std::cos(angle) : std::sin(angle));
    }
  }
}

template <class T>
void rotate(const RotaryView& at, const T* x, const T* turns, bool back, T* y, bool accumulate) {
  const Index rows = at.outer * at.steps * at.inner;
  const T sign = back ? T(-1) : T(1);
  constexpr Index grain = 16384;
  parallel_for(rows, rows_for(rows, 2 * at.half, grain), [=](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const T* from = x + r * 2 * at.half;
      T* to = y + r * 2 * at.half;
      const T* turn = turns + r / at.inner % at.steps * 2 * at.half;
      for (Index j = 0; j < at.half; j += lanes<T>) {
        const Index left = at.half - j;
        const Vec<T> a = load(from + j, left);
        const Vec<T> b = load(from + at.half + j, left);
        const Vec<T> c = load(turn + j, left);
        const Vec<T> s = sign * load(turn + at.half + j, left);
        put<T>(to + j, a * c - b * s, left, accumulate);
        put<T>(to + at.half + j, b * c + a * s, left, accumulate);
      }
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                  \
  template void waves<T>(Index, Index, const double*, const std::uint8_t*, T*); \
  template void rotate<T>(const RotaryView&, const T*, const T*, bool, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
