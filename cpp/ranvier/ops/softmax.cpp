#include "ranvier/ops/softmax.h"

#include <utility>

#include "ranvier/kernels/softmax.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::as_floating;
using detail::keep;

namespace {

struct LogitsNote final : RefCounted {
  LogitsNote(Squash given_kind, Tensor given_logits) : kind(given_kind), logits(std::move(given_logits)) {}
  Squash kind;
  Tensor logits;
};

// x with its history but without its own note: notes must not form chains.
Tensor without_note(const Tensor& x) {
  if (!x.impl()->origin) return x;
  Tensor alias = view(x, x.shape());
  alias.impl()->node = x.impl()->node;
  return alias;
}

struct Rows {
  Index count;
  Index n;
};

Rows rows_of(const Tensor& x) { return {x.shape().numel(0, x.rank() - 1), x.shape().back()}; }

// f over the last axis; another axis is brought there and back.
template <class F>
Tensor over_last_axis(const char* name, const Tensor& x, Index axis, const F& f) {
  check(x.rank() > 0, name, ": expected at least one axis, received a scalar");
  const int at = normalize_axis(axis, x.rank(), name);
  if (at == x.rank() - 1) return f(x);
  std::vector<Index> order(static_cast<std::size_t>(x.rank()));
  for (int i = 0; i < x.rank(); ++i) order[static_cast<std::size_t>(i)] = i;
  std::swap(order[static_cast<std::size_t>(at)], order.back());
  return transpose(f(transpose(x, order)), order);
}

template <class T>
using Forward = void (*)(Index rows, Index n, const T* x, T* y);
template <class T>
using BackwardFn = void (*)(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate);

// The kernels of one of the family, for both types.
struct Family {
  const char* name;
  Forward<float> forward_f;
  Forward<double> forward_d;
  BackwardFn<float> backward_f;
  BackwardFn<double> backward_d;

  template <class T>
  Forward<T> forward() const {
    if constexpr (std::is_same_v<T, float>) return forward_f;
    if constexpr (std::is_same_v<T, double>) return forward_d;
  }
  template <class T>
  BackwardFn<T> backward() const {
    if constexpr (std::is_same_v<T, float>) return backward_f;
    if constexpr (std::is_same_v<T, double>) return backward_d;
  }
};

constexpr Family softmax_family{"softmax", &kernels::softmax<float>, &kernels::softmax<double>,
                                &kernels::softmax_backward<float>, &kernels::softmax_backward<double>};
constexpr Family log_softmax_family{"log_softmax", &kernels::log_softmax<float>, &kernels::log_softmax<double>,
                                    &kernels::log_softmax_backward<float>, &kernels::log_softmax_backward<double>};
constexpr Family sparsemax_family{"sparsemax", &kernels::sparsemax<float>, &kernels::sparsemax<double>,
                                  &kernels::sparsemax_backward<float>, &kernels::sparsemax_backward<double>};

// The derivatives of all three read the result y and the incoming dy; the formulas stand with the kernels.
Tensor apply(const Family& family, const Tensor& x) {
  Tensor y = empty(x.shape(), x.dtype());
  const Rows rows = rows_of(x);
  dispatch_floating(x.dtype(), family.name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([f = family.forward<T>(), rows, from = x.data<T>(), to = y.data<T>()] { f(rows.count, rows.n, from, to); });
  });
  if (!wants_grad({&x})) return y;
  return attach(family.name, y, {&x}, [&family, rows, kept = keep(y)](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([f = family.backward<T>(), rows, py = kept.data<T>(), g = dy.data<T>(), dx] {
        f(rows.count, rows.n, py, g, dx.data, dx.accumulate);
      });
    });
  });
}

}  // namespace

void remember_logits(const Tensor& probabilities, Squash kind, const Tensor& logits) {
  probabilities.impl()->origin = make_ref<LogitsNote>(kind, without_note(logits));
}

Tensor logits_of(const Tensor& probabilities, Squash kind) {
  const auto* note = static_cast<const LogitsNote*>(probabilities.impl()->origin.get());
  return note != nullptr && note->kind == kind ? note->logits : Tensor();
}

Tensor softmax(const Tensor& x, Index axis) {
  return over_last_axis("softmax", as_floating(x), axis, [](const Tensor& logits) {
    Tensor y = apply(softmax_family, logits);
    remember_logits(y, Squash::softmax, logits);
    return y;
  });
}

Tensor log_softmax(const Tensor& x, Index axis) {
  return over_last_axis("log_softmax", as_floating(x), axis,
                        [](const Tensor& logits) { return apply(log_softmax_family, logits); });
}

Tensor sparsemax(const Tensor& x, Index axis) {
  return over_last_axis("sparsemax", as_floating(x), axis,
                        [](const Tensor& logits) { return apply(sparsemax_family, logits); });
}

}  // namespace ranvier::ops
