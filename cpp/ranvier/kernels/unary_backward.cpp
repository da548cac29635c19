#include <array>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/activation_functors.h"
#include "ranvier/kernels/blocks.h"
#include "ranvier/kernels/unary.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 16384;

template <class T>
using BackwardFn = void (*)(UnaryArgs args, Index n, const T* s, const T* dy, T* dx, bool accumulate);

template <class T, template <class> class F, Saves saves>
void backward(UnaryArgs args, Index n, const T* s, const T* dy, T* dx, bool accumulate) {
  const F<T> f(args);
  for (Index i = 0; i < n; i += vec::lanes<T>) {
    const Index left = n - i;
    vec::Vec<T> d{};
    if constexpr (saves == Saves::none) {
      d = f.derivative(d);
    } else {
      d = f.derivative(vec::load<T>(s + i, left));
    }
    vec::put<T>(dx + i, vec::load<T>(dy + i, left) * d, left, accumulate);
  }
}

template <class T>
constexpr std::array backward_table{
#define RANVIER_ENTRY(name, saves) static_cast<BackwardFn<T>>(&backward<T, functors::name, Saves::saves>),
    RANVIER_UNARY(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

/// dx for rows [begin, end) of the `width` columns at an offset already added to s, dy and dx, and their sums: block by
/// block, so that the sums find dx in the first-level cache.
template <class T>
void backward_rows(BackwardFn<T> run, UnaryArgs args, Index begin, Index end, Index width, Index cols, const T* s,
                   const T* dy, T* dx, std::array<Strip<T>, 1>& sums) {
  const Index block_rows = std::max<Index>(1, sum_block / width);
  std::array<Strip<T>, 1> block_sums;
  for (Index block = begin; block < end; block += block_rows) {
    const Index rows = std::min(block_rows, end - block);
    const Index at = block * cols;
    if (width == cols) {
      run(args, rows * cols, s + at, dy + at, dx + at, false);
    } else {
      for (Index r = 0; r < rows; ++r) {
        run(args, width, s + at + r * cols, dy + at + r * cols, dx + at + r * cols, false);
      }
    }
    sum_rows<T, 1>(
        0, rows, width,
        [=](Index r, Index j, Index left) {
          return std::array<vec::Vec<T>, 1>{vec::load<T>(dx + at + r * cols + j, left)};
        },
        block == begin ? sums : block_sums);
    if (block == begin) continue;
    for (Index j = 0; j < width; j += vec::lanes<T>) {
      vec::store(sums[0].data() + j, vec::load(sums[0].data() + j) + vec::load(block_sums[0].data() + j));
    }
  }
}

/// The same for all rows, cut in at most 16 pieces.
template <class T>
void backward_strip(BackwardFn<T> run, UnaryArgs args, Index rows, Index width, Index cols, const T* s, const T* dy,
                    T* dx, std::array<Strip<T>, 1>& sums) {
  constexpr Index most = 16;
  const Index size = std::max({(grain + width - 1) / width, (rows + most - 1) / most, Index{1}});
  std::array<std::array<Strip<T>, 1>, most> part;
  parallel_for(rows, size, [&](Index begin, Index end) {
    backward_rows<T>(run, args, begin, end, width, cols, s, dy, dx, part[static_cast<std::size_t>(begin / size)]);
  });
  sums = part[0];
  for (std::size_t p = 1; static_cast<Index>(p) * size < rows; ++p) {
    for (std::size_t j = 0; j < static_cast<std::size_t>(width); ++j) sums[0][j] += part[p][0][j];
  }
}

}  // namespace

template <class T>
void unary_backward_sums(Unary op, UnaryArgs args, Index rows, Index cols, const T* x, const T* y, const T* dy, T* dx,
                         T* sums, bool accumulate) {
  const BackwardFn<T> run = backward_table<T>[static_cast<std::size_t>(op)];
  const Saves saves = saves_of(op);
  const T* s = saves == Saves::x ? x : saves == Saves::y ? y : dy;
  if (rows * cols == 0) {
    for (Index j = 0; j < cols && !accumulate; ++j) sums[j] = 0;
    return;
  }
  // Narrow rows are taken several at a time, as one row of a few vectors; what remains of them goes alone.
  const Index together = cols >= vec::lanes<T> ? 1 : std::min(rows, 2 * vec::lanes<T> / cols);
  const Index wide_rows = rows / together;
  const Index wide = together * cols;
  std::array<Strip<T>, 1> strip;
  for (Index first = 0; first < wide; first += strip_columns) {
    const Index width = std::min(strip_columns, wide - first);
    backward_strip<T>(run, args, wide_rows, width, wide, s + first, dy + first, dx + first, strip);
    T* to = strip[0].data();
    for (Index start = cols; start < wide && together > 1; start += cols) {
      for (Index j = 0; j < cols; ++j) to[j] += to[start + j];
    }
    for (Index j = 0; j < (together > 1 ? cols : width); ++j) {
      sums[first + j] = accumulate ? sums[first + j] + to[j] : to[j];
    }
  }
  const Index done = wide_rows * together;
  if (done == rows) return;
  backward_rows<T>(run, args, done, rows, cols, cols, s, dy, dx, strip);
  for (Index j = 0; j < cols; ++j) sums[j] += strip[0][static_cast<std::size_t>(j)];
}

template <class T>
void unary_backward(Unary op, UnaryArgs args, Index n, const T* x, const T* y, const T* dy, T* dx, bool accumulate) {
  const BackwardFn<T> run = backward_table<T>[static_cast<std::size_t>(op)];
  const Saves saves = saves_of(op);
  // A function that reads neither gets dy, an address that exists.
  const T* s = saves == Saves::x ? x : saves == Saves::y ? y : dy;
  parallel_for(n, grain,
               [=](Index begin, Index end) { run(args, end - begin, s + begin, dy + begin, dx + begin, accumulate); });
}

#define RANVIER_INSTANTIATE(T) \
  template void unary_backward_sums<T>(Unary, UnaryArgs, Index, Index, const T*, const T*, const T*, T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE
template void unary_backward<float>(Unary, UnaryArgs, Index, const float*, const float*, const float*, float*, bool);
template void unary_backward<double>(Unary, UnaryArgs, Index, const double*, const double*, const double*, double*,
                                     bool);

}  // namespace ranvier::kernels
