#include <array>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/activation_functors.h"
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

}  // namespace

template <class T>
void unary_backward(Unary op, UnaryArgs args, Index n, const T* x, const T* y, const T* dy, T* dx, bool accumulate) {
  const BackwardFn<T> run = backward_table<T>[static_cast<std::size_t>(op)];
  const Saves saves = saves_of(op);
  // A function that reads neither gets dy, an address that exists.
  const T* s = saves == Saves::x ? x : saves == Saves::y ? y : dy;
  parallel_for(n, grain,
               [=](Index begin, Index end) { run(args, end - begin, s + begin, dy + begin, dx + begin, accumulate); });
}

template void unary_backward<float>(Unary, UnaryArgs, Index, const float*, const float*, const float*, float*, bool);
template void unary_backward<double>(Unary, UnaryArgs, Index, const double*, const double*, const double*, double*,
                                     bool);

}  // namespace ranvier::kernels
