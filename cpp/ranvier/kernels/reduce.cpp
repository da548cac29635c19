#include "ranvier/kernels/reduce.h"

#include <algorithm>
#include <cstring>

#include "ranvier/kernels/pieces.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::Mask;
using vec::store;
using vec::Vec;

constexpr Index grain = 16384;

// What two partial results make of each other, on vectors and scalars alike. A NaN wins: in b because no comparison
// with it holds, in a by the question a == a.
struct Larger {
  static auto of(auto a, auto b) { return a > b ? a : a == a ? b : a; }
};
struct Smaller {
  static auto of(auto a, auto b) { return a < b ? a : a == a ? b : a; }
};
struct Product {
  static auto of(auto a, auto b) { return a * b; }
};

/// y = the fold of x along its middle axis. `neutral` stands behind the ends of rows.
template <class T, class F>
void fold_axis(Index outer, Index length, Index inner, const T* x, T neutral, T* y) {
  if (inner == 1) {
    parallel_for(outer, rows_for(outer, length, grain), [=](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const T* row = x + r * length;
        Vec<T> acc = vec::set1<T>(neutral);
        for (Index i = 0; i < length; i += lanes<T>) {
          const Index left = length - i;
          Vec<T> v = load(row + i, left);
          if (left < lanes<T>) v = vec::first_lanes<T>(left) ? v : vec::set1<T>(neutral);
          acc = F::of(acc, v);
        }
        y[r] = vec::fold<T, lanes<T>>(acc, [](auto a, auto b) { return F::of(a, b); });
      }
    });
    return;
  }
  const Index columns = (inner + lanes<T> - 1) / lanes<T>;
  parallel_for(outer * columns, rows_for(outer * columns, length * lanes<T>, grain), [=](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) {
      const Index first = c % columns * lanes<T>;
      const Index left = inner - first;
      const T* column = x + c / columns * length * inner + first;
      Vec<T> acc = vec::set1<T>(neutral);
      for (Index i = 0; i < length; ++i) acc = F::of(acc, load(column + i * inner, left));
      store(y + c / columns * inner + first, acc, left);
    }
  });
}

template <class T>
constexpr T bottom = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();
template <class T>
constexpr T top = std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();

/// v is better than the best so far: strictly beyond it, or the first NaN.
template <class T, bool largest>
RANVIER_INLINE Mask<T> better(Vec<T> v, Vec<T> best) {
  if constexpr (std::is_floating_point_v<T>) {
    return (largest ? v > best : v < best) | ((v != v) & (best == best));
  } else {
    return largest ? v > best : v < best;
  }
}

/// Lanes keep their first best value and its place; among equal lanes the lowest place wins.
template <class T, bool largest>
Index arg_of_row(Index length, const T* row) {
  using B = vec::Bits<T>;
  const auto lane = vec::iota<B>();
  Vec<T> best = vec::set1<T>(row[0]);
  Mask<T> place{};
  for (Index i = 0; i < length; i += lanes<T>) {
    const Index left = length - i;
    Vec<T> v = load(row + i, left);
    if (left < lanes<T>) v = vec::first_lanes<T>(left) ? v : best;
    const Mask<T> take = better<T, largest>(v, best);
    best = take ? v : best;
    place = take ? lane + static_cast<B>(i) : place;
  }
  using F = std::conditional_t<largest, Larger, Smaller>;
  const T value = vec::fold<T, lanes<T>>(best, [](auto a, auto b) { return F::of(a, b); });
  const Mask<T> hit = value == value ? best == value : best != best;
  const Mask<T> places = hit ? place : vec::set1<B>(std::numeric_limits<B>::max());
  return static_cast<Index>(vec::fold<B, lanes<T>>(places, [](auto a, auto b) { return a < b ? a : b; }));
}

template <class T, bool largest>
void arg_axis(Index outer, Index length, Index inner, const T* x, std::int64_t* y) {
  using B = vec::Bits<T>;
  if (inner == 1) {
    parallel_for(outer, rows_for(outer, length, grain), [=](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) y[r] = arg_of_row<T, largest>(length, x + r * length);
    });
    return;
  }
  const Index columns = (inner + lanes<T> - 1) / lanes<T>;
  parallel_for(outer * columns, rows_for(outer * columns, length * lanes<T>, grain), [=](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) {
      const Index first = c % columns * lanes<T>;
      const Index left = inner - first;
      const T* column = x + c / columns * length * inner + first;
      Vec<T> best = load(column, left);
      Mask<T> place{};
      for (Index i = 1; i < length; ++i) {
        const Vec<T> v = load(column + i * inner, left);
        const Mask<T> take = better<T, largest>(v, best);
        best = take ? v : best;
        place = take ? vec::set1<B>(static_cast<B>(i)) : place;
      }
      std::int64_t* to = y + c / columns * inner + first;
      for (Index k = 0; k < std::min(left, lanes<T>); ++k) to[k] = place[k];
    }
  });
}

}  // namespace

template <class T>
void reduce_max(Index outer, Index length, Index inner, const T* x, T* y) {
  fold_axis<T, Larger>(outer, length, inner, x, bottom<T>, y);
}

template <class T>
void reduce_min(Index outer, Index length, Index inner, const T* x, T* y) {
  fold_axis<T, Smaller>(outer, length, inner, x, top<T>, y);
}

template <class T>
void reduce_prod(Index outer, Index length, Index inner, const T* x, T* y) {
  if constexpr (std::is_floating_point_v<T>) {
    fold_axis<T, Product>(outer, length, inner, x, T(1), y);
  } else {
    using R = std::make_unsigned_t<T>;  // wraps around instead of overflowing
    fold_axis<R, Product>(outer, length, inner, reinterpret_cast<const R*>(x), R{1}, reinterpret_cast<R*>(y));
  }
}

template <class T>
void argmax(Index outer, Index length, Index inner, const T* x, std::int64_t* y) {
  arg_axis<T, true>(outer, length, inner, x, y);
}

template <class T>
void argmin(Index outer, Index length, Index inner, const T* x, std::int64_t* y) {
  arg_axis<T, false>(outer, length, inner, x, y);
}

// Plain loops over (outer, inner): first how many elements share the extremum, then their shares.
template <class T>
void reduce_extremum_backward(Index outer, Index length, Index inner, const T* x, const T* y, const T* dy, T* dx,
                              bool accumulate) {
  const auto same = [](T a, T b) { return a == b || (a != a && b != b); };
  parallel_for(outer * inner, rows_for(outer * inner, length, grain), [=](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) {
      const Index start = c / inner * length * inner + c % inner;
      Index count = 0;
      for (Index i = 0; i < length; ++i) count += same(x[start + i * inner], y[c]) ? 1 : 0;
      const T share = dy[c] / static_cast<T>(std::max<Index>(count, 1));
      for (Index i = 0; i < length; ++i) {
        const T d = same(x[start + i * inner], y[c]) ? share : T(0);
        T& to = dx[start + i * inner];
        to = accumulate ? to + d : d;
      }
    }
  });
}

namespace {

/// Looks for `sought` along the middle axis; found says what y becomes then.
void find_bool(Index outer, Index length, Index inner, const bool* x, bool sought, bool* y) {
  for (Index o = 0; o < outer; ++o) {
    const bool* slab = x + o * length * inner;
    if (inner == 1) {
      const void* hit = length == 0 ? nullptr : std::memchr(slab, sought ? 1 : 0, static_cast<std::size_t>(length));
      y[o] = (hit != nullptr) == sought;
      continue;
    }
    bool* to = y + o * inner;
    std::fill_n(to, inner, !sought);
    for (Index i = 0; i < length; ++i) {
      for (Index j = 0; j < inner; ++j) to[j] = slab[i * inner + j] == sought ? sought : to[j];
    }
  }
}

}  // namespace

void reduce_any(Index outer, Index length, Index inner, const bool* x, bool* y) {
  find_bool(outer, length, inner, x, true, y);
}

void reduce_all(Index outer, Index length, Index inner, const bool* x, bool* y) {
  find_bool(outer, length, inner, x, false, y);
}

template <class T>
Index first_non_finite(Index n, const T* x) {
  constexpr Index most = 64;
  const Index size = std::max<Index>(4 * grain, (n + most - 1) / most);
  std::array<Index, most> found{};
  // x − x is 0 for every finite x; blocks are asked as a whole, and only a bad one element by element.
  parallel_for(n, size, [&](Index begin, Index end) {
    Index& first = found[static_cast<std::size_t>(begin / size)];
    first = -1;
    constexpr Index block = 1024;
    for (Index b = begin; b < end && first < 0; b += block) {
      const Index stop = std::min(end, b + block);
      Mask<T> bad{};
      for (Index i = b; i < stop; i += lanes<T>) {
        const Vec<T> v = load(x + i, stop - i);
        bad |= v - v != T(0);
      }
      if (vec::fold<vec::Bits<T>, lanes<T>>(bad, [](auto p, auto q) { return p | q; }) == 0) continue;
      for (Index i = b; i < stop && first < 0; ++i) {
        if (x[i] - x[i] != T(0)) first = i;
      }
    }
  });
  for (Index i = 0; i * size < n; ++i) {
    if (found[static_cast<std::size_t>(i)] >= 0) return found[static_cast<std::size_t>(i)];
  }
  return -1;
}

#define RANVIER_INSTANTIATE(T)                                           \
  template void reduce_max<T>(Index, Index, Index, const T*, T*);        \
  template void reduce_min<T>(Index, Index, Index, const T*, T*);        \
  template void reduce_prod<T>(Index, Index, Index, const T*, T*);       \
  template void argmax<T>(Index, Index, Index, const T*, std::int64_t*); \
  template void argmin<T>(Index, Index, Index, const T*, std::int64_t*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
RANVIER_INSTANTIATE(std::int32_t)
RANVIER_INSTANTIATE(std::int64_t)
#undef RANVIER_INSTANTIATE
template void reduce_extremum_backward<float>(Index, Index, Index, const float*, const float*, const float*, float*,
                                              bool);
template void reduce_extremum_backward<double>(Index, Index, Index, const double*, const double*, const double*,
                                               double*, bool);
template Index first_non_finite<float>(Index, const float*);
template Index first_non_finite<double>(Index, const double*);

}  // namespace ranvier::kernels
