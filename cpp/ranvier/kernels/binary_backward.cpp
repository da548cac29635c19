#include "ranvier/kernels/binary.h"
#include "ranvier/kernels/nest.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::Vec;

// dy·∂y/∂a (or ∂b) of each function; reads_a and reads_b say which operands are looked at, the other may be null.

template <class T>
struct pass {
  static constexpr bool reads_a = false, reads_b = false;
  static Vec<T> value(Vec<T>, Vec<T>, Vec<T> dy) { return dy; }
};
template <class T>
struct pass_negative {
  static constexpr bool reads_a = false, reads_b = false;
  static Vec<T> value(Vec<T>, Vec<T>, Vec<T> dy) { return -dy; }
};
template <class T>
struct multiply_a {
  static constexpr bool reads_a = false, reads_b = true;
  static Vec<T> value(Vec<T>, Vec<T> b, Vec<T> dy) { return dy * b; }
};
template <class T>
struct multiply_b {
  static constexpr bool reads_a = true, reads_b = false;
  static Vec<T> value(Vec<T> a, Vec<T>, Vec<T> dy) { return dy * a; }
};
template <class T>
struct divide_a {
  static constexpr bool reads_a = false, reads_b = true;
  static Vec<T> value(Vec<T>, Vec<T> b, Vec<T> dy) { return dy / b; }
};
/// −dy·(a/b)/b: b² could leave the range where the quotient does not.
template <class T>
struct divide_b {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) { return -dy * ((a / b) / b); }
};
/// b·a^(b−1), and 0 for the constant a^0.
template <class T>
struct power_a {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) {
    return b == T(0) ? Vec<T>{} : dy * (b * vec::pow<T>(a, b - T(1)));
  }
};
/// a^b·log a, and 0 for 0^b with b >= 0, where a^b is 0 on either side of b (or jumps, at b = 0).
template <class T>
struct power_b {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) {
    const Vec<T> d = dy * (vec::pow<T>(a, b) * vec::log<T>(a));
    return a == T(0) ? (b >= T(0) ? Vec<T>{} : d) : d;
  }
};
/// The larger (smaller) operand gets dy, each half of it when they are equal; a NaN takes all it caused.
template <class T>
struct maximum_a {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) { return a < b ? Vec<T>{} : a == b ? T(0.5) * dy : dy; }
};
template <class T>
struct maximum_b {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) { return b < a ? Vec<T>{} : a == b ? T(0.5) * dy : dy; }
};
template <class T>
struct minimum_a {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) { return a > b ? Vec<T>{} : a == b ? T(0.5) * dy : dy; }
};
template <class T>
struct minimum_b {
  static constexpr bool reads_a = true, reads_b = true;
  static Vec<T> value(Vec<T> a, Vec<T> b, Vec<T> dy) { return b > a ? Vec<T>{} : a == b ? T(0.5) * dy : dy; }
};

template <class T>
using RowFn = void (*)(Index n, const T* a, bool one_a, const T* b, bool one_b, const T* dy, T* dx, bool accumulate);

template <class T, template <class> class F>
void backward_row(Index n, const T* a, bool one_a, const T* b, bool one_b, const T* dy, T* dx, bool accumulate) {
  Vec<T> va{};
  Vec<T> vb{};
  if constexpr (F<T>::reads_a) va = vec::set1<T>(*a);
  if constexpr (F<T>::reads_b) vb = vec::set1<T>(*b);
  for (Index i = 0; i < n; i += lanes<T>) {
    const Index left = n - i;
    if constexpr (F<T>::reads_a) va = one_a ? va : load(a + i, left);
    if constexpr (F<T>::reads_b) vb = one_b ? vb : load(b + i, left);
    vec::put<T>(dx + i, F<T>::value(va, vb, load(dy + i, left)), left, accumulate);
  }
}

template <class T>
RowFn<T> function_a(Binary op) {
  switch (op) {
    case Binary::add:
    case Binary::subtract:
      return &backward_row<T, pass>;
    case Binary::multiply:
      return &backward_row<T, multiply_a>;
    case Binary::divide:
      return &backward_row<T, divide_a>;
    case Binary::power:
      return &backward_row<T, power_a>;
    case Binary::maximum:
      return &backward_row<T, maximum_a>;
    default:
      return &backward_row<T, minimum_a>;
  }
}

template <class T>
RowFn<T> function_b(Binary op) {
  switch (op) {
    case Binary::add:
      return &backward_row<T, pass>;
    case Binary::subtract:
      return &backward_row<T, pass_negative>;
    case Binary::multiply:
      return &backward_row<T, multiply_b>;
    case Binary::divide:
      return &backward_row<T, divide_b>;
    case Binary::power:
      return &backward_row<T, power_b>;
    case Binary::maximum:
      return &backward_row<T, maximum_b>;
    default:
      return &backward_row<T, minimum_b>;
  }
}

template <class T>
void run(RowFn<T> row, const Broadcast& plan, const T* a, const T* b, const T* dy, T* dx, bool accumulate) {
  const auto last = static_cast<std::size_t>(plan.rank - 1);
  const bool one_a = plan.a[last] == 0;
  const bool one_b = plan.b[last] == 0;
  each_nest_row(plan, [=](Index n, Index at_a, Index at_b, Index at) {
    const T* row_a = a == nullptr ? nullptr : a + at_a;
    const T* row_b = b == nullptr ? nullptr : b + at_b;
    row(n, row_a, one_a, row_b, one_b, dy + at, dx + at, accumulate);
  });
}

}  // namespace

template <class T>
void binary_backward_a(Binary op, const Broadcast& plan, const T* a, const T* b, const T* dy, T* da, bool accumulate) {
  run(function_a<T>(op), plan, a, b, dy, da, accumulate);
}

template <class T>
void binary_backward_b(Binary op, const Broadcast& plan, const T* a, const T* b, const T* dy, T* db, bool accumulate) {
  run(function_b<T>(op), plan, a, b, dy, db, accumulate);
}

#define RANVIER_INSTANTIATE(T)                                                                          \
  template void binary_backward_a<T>(Binary, const Broadcast&, const T*, const T*, const T*, T*, bool); \
  template void binary_backward_b<T>(Binary, const Broadcast&, const T*, const T*, const T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
