#include "ranvier/kernels/binary.h"

#include <array>

#include "ranvier/core/check.h"
#include "ranvier/kernels/nest.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::store;
using vec::Vec;

constexpr std::array names{"add", "subtract", "multiply", "divide", "power", "maximum", "minimum"};

/// Integers wrap around like NumPy's, without the undefined behaviour of signed overflow.
template <class T>
using Ring = std::conditional_t<std::is_floating_point_v<T>, T, std::make_unsigned_t<vec::Bits<T>>>;

template <class T>
struct add {
  using V = Vec<T>;
  using R = Vec<Ring<T>>;
  static V value(V a, V b) { return (V)((R)a + (R)b); }
};
template <class T>
struct subtract {
  using V = Vec<T>;
  using R = Vec<Ring<T>>;
  static V value(V a, V b) { return (V)((R)a - (R)b); }
};
template <class T>
struct multiply {
  using V = Vec<T>;
  using R = Vec<Ring<T>>;
  static V value(V a, V b) { return (V)((R)a * (R)b); }
};
template <class T>
struct divide {
  static Vec<T> value(Vec<T> a, Vec<T> b) { return a / b; }
};
template <class T>
struct power {
  static Vec<T> value(Vec<T> a, Vec<T> b) { return vec::pow<T>(a, b); }
};
// A NaN on either side wins: in b because no comparison with it holds, in a by the question a != a.
template <class T>
struct maximum {
  static Vec<T> value(Vec<T> a, Vec<T> b) { return a > b ? a : a == a ? b : a; }
};
template <class T>
struct minimum {
  static Vec<T> value(Vec<T> a, Vec<T> b) { return a < b ? a : a == a ? b : a; }
};

template <class T>
using RowFn = void (*)(Index n, const T* a, bool one_a, const T* b, bool one_b, T* y);

/// One innermost row; an operand that repeats there is one value (one_a, one_b).
template <class T, template <class> class F>
void apply_row(Index n, const T* a, bool one_a, const T* b, bool one_b, T* y) {
  const Vec<T> fixed_a = vec::set1<T>(*a);
  const Vec<T> fixed_b = vec::set1<T>(*b);
  for (Index i = 0; i < n; i += lanes<T>) {
    const Index left = n - i;
    const Vec<T> va = one_a ? fixed_a : load(a + i, left);
    const Vec<T> vb = one_b ? fixed_b : load(b + i, left);
    store<T>(y + i, F<T>::value(va, vb), left);
  }
}

template <class T>
RowFn<T> row_function(Binary op) {
  switch (op) {
    case Binary::add:
      return &apply_row<T, add>;
    case Binary::subtract:
      return &apply_row<T, subtract>;
    case Binary::multiply:
      return &apply_row<T, multiply>;
    case Binary::maximum:
      return &apply_row<T, maximum>;
    case Binary::minimum:
      return &apply_row<T, minimum>;
    case Binary::divide:
      if constexpr (std::is_floating_point_v<T>) return &apply_row<T, divide>;
      break;
    case Binary::power:
      if constexpr (std::is_floating_point_v<T>) return &apply_row<T, power>;
      break;
  }
  fail<TypeError>(name_of(op), ": expected float32 or float64, received integers; cast them first");
}

struct equal {
  static auto value(auto a, auto b) { return a == b; }
};
struct not_equal {
  static auto value(auto a, auto b) { return a != b; }
};
struct less {
  static auto value(auto a, auto b) { return a < b; }
};
struct less_equal {
  static auto value(auto a, auto b) { return a <= b; }
};
struct greater {
  static auto value(auto a, auto b) { return a > b; }
};
struct greater_equal {
  static auto value(auto a, auto b) { return a >= b; }
};

template <class T>
using CompareFn = void (*)(Index n, const T* a, bool one_a, const T* b, bool one_b, bool* y);

template <class T, class F>
void compare_row(Index n, const T* a, bool one_a, const T* b, bool one_b, bool* y) {
  using Bytes = vec::VecN<std::int8_t, lanes<T>>;
  static_assert(sizeof(bool) == 1);
  const Vec<T> fixed_a = vec::set1<T>(*a);
  const Vec<T> fixed_b = vec::set1<T>(*b);
  for (Index i = 0; i < n; i += lanes<T>) {
    const Index left = n - i;
    const Vec<T> va = one_a ? fixed_a : load(a + i, left);
    const Vec<T> vb = one_b ? fixed_b : load(b + i, left);
    const Bytes hit = __builtin_convertvector(F::value(va, vb), Bytes) & 1;
    std::memcpy(y + i, &hit, static_cast<std::size_t>(std::min(left, lanes<T>)));
  }
}

template <class T>
CompareFn<T> compare_function(Compare op) {
  switch (op) {
    case Compare::equal:
      return &compare_row<T, equal>;
    case Compare::not_equal:
      return &compare_row<T, not_equal>;
    case Compare::less:
      return &compare_row<T, less>;
    case Compare::less_equal:
      return &compare_row<T, less_equal>;
    case Compare::greater:
      return &compare_row<T, greater>;
    default:
      return &compare_row<T, greater_equal>;
  }
}

}  // namespace

const char* name_of(Binary op) {
  const auto i = static_cast<std::size_t>(op);
  return i < names.size() ? names[i] : "?";
}

template <class T>
void binary(Binary op, const Broadcast& plan, const T* a, const T* b, T* y) {
  const RowFn<T> row = row_function<T>(op);
  const auto last = static_cast<std::size_t>(plan.rank - 1);
  const bool one_a = plan.a[last] == 0;
  const bool one_b = plan.b[last] == 0;
  each_nest_row(plan,
                [=](Index n, Index at_a, Index at_b, Index at) { row(n, a + at_a, one_a, b + at_b, one_b, y + at); });
}

template <class T>
void compare(Compare op, const Broadcast& plan, const T* a, const T* b, bool* y) {
  const CompareFn<T> row = compare_function<T>(op);
  const auto last = static_cast<std::size_t>(plan.rank - 1);
  const bool one_a = plan.a[last] == 0;
  const bool one_b = plan.b[last] == 0;
  each_nest_row(plan,
                [=](Index n, Index at_a, Index at_b, Index at) { row(n, a + at_a, one_a, b + at_b, one_b, y + at); });
}

template <class T>
void sum_of(const Terms<T>& x, Index n, T scale, T* y) {
  parallel_for(n, 16384, [&x, scale, y](Index begin, Index end) {
    for (Index i = begin; i < end; i += lanes<T>) {
      Vec<T> total = load(x.from[0] + i, end - i);
      for (std::size_t k = 1; k < x.count; ++k) total += load(x.from[k] + i, end - i);
      store<T>(y + i, total * scale, end - i);
    }
  });
}

// Plain loops: the compiler vectorises a choice between two loads, and nothing here rounds.
template <class T>
void select(Index n, const bool* c, const T* a, const T* b, T* y) {
  parallel_for(n, 16384, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const T va = a[i];
      const T vb = b[i];
      y[i] = c[i] ? va : vb;
    }
  });
}

template <class T>
void select_backward(Index n, const bool* c, bool which, const T* dy, T* da, bool accumulate) {
  parallel_for(n, 16384, [=](Index begin, Index end) {
    if (accumulate) {
      for (Index i = begin; i < end; ++i) {
        const T d = dy[i];
        da[i] += c[i] == which ? d : T(0);
      }
    } else {
      for (Index i = begin; i < end; ++i) {
        const T d = dy[i];
        da[i] = c[i] == which ? d : T(0);
      }
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                    \
  template void binary<T>(Binary, const Broadcast&, const T*, const T*, T*);      \
  template void compare<T>(Compare, const Broadcast&, const T*, const T*, bool*); \
  template void select<T>(Index, const bool*, const T*, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
RANVIER_INSTANTIATE(std::int32_t)
RANVIER_INSTANTIATE(std::int64_t)
template void sum_of<float>(const Terms<float>&, Index, float, float*);
template void sum_of<double>(const Terms<double>&, Index, double, double*);
template void select<bool>(Index, const bool*, const bool*, const bool*, bool*);
template void select_backward<float>(Index, const bool*, bool, const float*, float*, bool);
template void select_backward<double>(Index, const bool*, bool, const double*, double*, bool);
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
