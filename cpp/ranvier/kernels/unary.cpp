#include "ranvier/kernels/unary.h"

#include <array>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/activation_functors.h"

namespace ranvier::kernels {
namespace {

// Pieces of 64 KiB of float32: a parallel region costs what relu needs for about this much.
constexpr Index grain = 16384;

template <class T>
using RowsFn = void (*)(UnaryArgs args, Index rows, Index cols, const T* x, T* y, Index ld);

/// The one loop of a function: rows of cols elements, ld apart. Whole vectors and tails go through the same code.
template <class T, template <class> class F>
void apply_rows(UnaryArgs args, Index rows, Index cols, const T* x, T* y, Index ld) {
  const F<T> f(args);
  for (Index r = 0; r < rows; ++r, x += ld, y += ld) {
    for (Index i = 0; i < cols; i += vec::lanes<T>) {
      const Index left = cols - i;
      vec::store<T>(y + i, f.value(vec::load<T>(x + i, left)), left);
    }
  }
}

template <class T, template <class> class F>
void apply_tile(UnaryArgs args, Index rows, Index cols, T* tile, Index ld) {
  apply_rows<T, F>(args, rows, cols, tile, tile, ld);
}

template <class T, template <class> class F>
void apply_slope(UnaryArgs args, Index rows, Index cols, T* tile, T* slope, Index ld) {
  const F<T> f(args);
  for (Index r = 0; r < rows; ++r, tile += ld, slope += ld) {
    for (Index i = 0; i < cols; i += vec::lanes<T>) {
      const Index left = cols - i;
      vec::Vec<T> derivative;
      vec::store<T>(tile + i, f.value_and_derivative(vec::load<T>(tile + i, left), derivative), left);
      vec::store<T>(slope + i, derivative * T(0.5), left);
    }
  }
}

constexpr std::array names{
#define RANVIER_ENTRY(name, saves) #name,
    RANVIER_UNARY(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

constexpr std::array saved{
#define RANVIER_ENTRY(name, saves) Saves::saves,
    RANVIER_UNARY(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

template <class T>
constexpr std::array<RowsFn<T>, names.size()> rows_table{
#define RANVIER_ENTRY(name, saves) &apply_rows<T, functors::name>,
    RANVIER_UNARY(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

template <class T>
constexpr std::array<TileFn<T>, names.size()> tile_table{
#define RANVIER_ENTRY(name, saves) &apply_tile<T, functors::name>,
    RANVIER_UNARY(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

}  // namespace

const char* name_of(Unary op) { return names[static_cast<std::size_t>(op)]; }

Saves saves_of(Unary op) { return saved[static_cast<std::size_t>(op)]; }

template <class T>
void unary(Unary op, UnaryArgs args, Index n, const T* x, T* y) {
  const RowsFn<T> rows = rows_table<T>[static_cast<std::size_t>(op)];
  parallel_for(n, grain, [=](Index begin, Index end) { rows(args, 1, end - begin, x + begin, y + begin, 0); });
}

template <class T>
TileFn<T> unary_tile(Unary op) {
  return tile_table<T>[static_cast<std::size_t>(op)];
}

template <class T>
SlopeFn<T> unary_slope_tile(Unary op) {
  switch (op) {
    case Unary::gelu:
      return &apply_slope<T, functors::gelu>;
    case Unary::gelu_tanh:
      return &apply_slope<T, functors::gelu_tanh>;
    case Unary::silu:
      return &apply_slope<T, functors::silu>;
    default:
      return nullptr;
  }
}

template void unary<float>(Unary, UnaryArgs, Index, const float*, float*);
template void unary<double>(Unary, UnaryArgs, Index, const double*, double*);
template TileFn<float> unary_tile<float>(Unary);
template TileFn<double> unary_tile<double>(Unary);
template SlopeFn<float> unary_slope_tile<float>(Unary);
template SlopeFn<double> unary_slope_tile<double>(Unary);

}  // namespace ranvier::kernels
