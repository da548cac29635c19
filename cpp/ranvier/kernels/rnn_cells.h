// One time step of one row, between the products: what recurrent cells do with their gates, and its derivative.
#pragma once

#include "ranvier/kernels/rnn.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels::rnn_detail {

// A cell keeps something of each gate for the way back, and finds the gate's value and slope from it.

/// tanh and sigmoid: the value is kept.
template <class T>
struct Standard {
  using V = vec::Vec<T>;
  explicit Standard(const RnnGeometry&) {}
  V keep_state(V z) const { return vec::tanh<T>(z); }
  V state(V kept) const { return kept; }
  V state_slope(V kept) const { return (T(1) - kept) * (T(1) + kept); }
  V keep_gate(V z) const { return vec::sigmoid<T>(z); }
  V gate(V kept) const { return kept; }
  V gate_slope(V kept) const { return kept * (T(1) - kept); }
};

/// Any function: its argument is kept.
template <class T>
class Named {
 public:
  using V = vec::Vec<T>;
  explicit Named(const RnnGeometry& g)
      : state_{g.activation, g.activation_args, unary_tile<T>(g.activation)},
        gate_{g.gate_activation, g.gate_args, unary_tile<T>(g.gate_activation)} {}
  V keep_state(V z) const { return z; }
  V state(V kept) const { return state_.value(kept); }
  V state_slope(V kept) const { return state_.slope(kept); }
  V keep_gate(V z) const { return z; }
  V gate(V kept) const { return gate_.value(kept); }
  V gate_slope(V kept) const { return gate_.slope(kept); }

 private:
  struct Function {
    Unary op;
    UnaryArgs args;
    TileFn<T> tile;

    V value(V z) const {
      if (tile == nullptr) return z;
      alignas(64) T buffer[vec::lanes<T>];
      vec::store(buffer, z);
      tile(args, 1, vec::lanes<T>, buffer, vec::lanes<T>);
      return vec::load(buffer);
    }
    V slope(V z) const {
      alignas(64) T x[vec::lanes<T>];
      alignas(64) T y[vec::lanes<T>];
      alignas(64) T one[vec::lanes<T>];
      vec::store(x, z);
      vec::store(y, saves_of(op) == Saves::y ? value(z) : z);
      vec::store(one, vec::set1<T>(1));
      unary_backward<T>(op, args, vec::lanes<T>, x, y, one, one, false);
      return vec::load(one);
    }
  };
  Function state_;
  Function gate_;
};

/// The places of one row at one step; `n` units.
template <class T>
struct Row {
  Index n;
  T* gates;            ///< forward: z in, what is kept out; backward: what is kept in, the gradient of z out
  T* inner;            ///< gru: h·R_h + b', later its gradient; gru_reset_first: r·h
  const T* h;          ///< before the step
  const T* product_h;  ///< the same where it meets R: after dropout
  const T* c;          ///< before the step
  T* next_h;           ///< after it
  T* next_c;
};

template <class T, class Acts>
void simple_row(const Acts& f, const Row<T>& at) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    const auto kept = f.keep_state(vec::load(at.gates + j, left));
    vec::store(at.gates + j, kept, left);
    vec::store(at.next_h + j, f.state(kept), left);
  }
}

template <class T, class Acts>
void lstm_row(const Acts& f, const Row<T>& at) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    T* z = at.gates + j;
    const auto i = f.keep_gate(vec::load(z, left));
    const auto forget = f.keep_gate(vec::load(z + at.n, left));
    const auto g = f.keep_state(vec::load(z + 2 * at.n, left));
    const auto o = f.keep_gate(vec::load(z + 3 * at.n, left));
    const auto c = f.gate(forget) * vec::load(at.c + j, left) + f.gate(i) * f.state(g);
    vec::store(z, i, left);
    vec::store(z + at.n, forget, left);
    vec::store(z + 2 * at.n, g, left);
    vec::store(z + 3 * at.n, o, left);
    vec::store(at.next_c + j, c, left);
    vec::store(at.next_h + j, f.gate(o) * f.state(f.keep_state(c)), left);
  }
}

template <class T, class Acts>
void gru_row(const Acts& f, const Row<T>& at) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    T* a = at.gates + j;
    const auto z = f.keep_gate(vec::load(a, left));
    const auto r = f.keep_gate(vec::load(a + at.n, left));
    const auto g = f.keep_state(vec::load(a + 2 * at.n, left) + f.gate(r) * vec::load(at.inner + j, left));
    vec::store(a, z, left);
    vec::store(a + at.n, r, left);
    vec::store(a + 2 * at.n, g, left);
    const auto candidate = f.state(g);
    vec::store(at.next_h + j, candidate + f.gate(z) * (vec::load(at.h + j, left) - candidate), left);
  }
}

/// The first half of gru_reset_first: r and r·h.
template <class T, class Acts>
void reset_row(const Acts& f, const Row<T>& at) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    const auto r = f.keep_gate(vec::load(at.gates + at.n + j, left));
    vec::store(at.gates + at.n + j, r, left);
    vec::store(at.inner + j, f.gate(r) * vec::load(at.product_h + j, left), left);
  }
}
/// The second: z, the candidate and h'.
template <class T, class Acts>
void update_row(const Acts& f, const Row<T>& at) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    T* a = at.gates + j;
    const auto z = f.keep_gate(vec::load(a, left));
    const auto g = f.keep_state(vec::load(a + 2 * at.n, left));
    vec::store(a, z, left);
    vec::store(a + 2 * at.n, g, left);
    const auto candidate = f.state(g);
    vec::store(at.next_h + j, candidate + f.gate(z) * (vec::load(at.h + j, left) - candidate), left);
  }
}

// Backward: dh and dc are the gradients of h' and c' and become what of the gradients of h and c goes past the product.

template <class T, class Acts>
void simple_row_backward(const Acts& f, const Row<T>& at, T* dh) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    vec::store(at.gates + j, vec::load(dh + j, left) * f.state_slope(vec::load(at.gates + j, left)), left);
    vec::store(dh + j, vec::Vec<T>{}, left);
  }
}

template <class T, class Acts>
void lstm_row_backward(const Acts& f, const Row<T>& at, T* dh, T* dc) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    T* z = at.gates + j;
    const auto i = vec::load(z, left);
    const auto forget = vec::load(z + at.n, left);
    const auto g = vec::load(z + 2 * at.n, left);
    const auto o = vec::load(z + 3 * at.n, left);
    const auto s = f.keep_state(vec::load(at.next_c + j, left));
    const auto d = vec::load(dh + j, left);
    const auto dnext = vec::load(dc + j, left) + d * f.gate(o) * f.state_slope(s);
    vec::store(z, dnext * f.state(g) * f.gate_slope(i), left);
    vec::store(z + at.n, dnext * vec::load(at.c + j, left) * f.gate_slope(forget), left);
    vec::store(z + 2 * at.n, dnext * f.gate(i) * f.state_slope(g), left);
    vec::store(z + 3 * at.n, d * f.state(s) * f.gate_slope(o), left);
    vec::store(dc + j, dnext * f.gate(forget), left);
    vec::store(dh + j, vec::Vec<T>{}, left);
  }
}

template <class T, class Acts>
void gru_row_backward(const Acts& f, const Row<T>& at, T* dh) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    T* a = at.gates + j;
    const auto z = vec::load(a, left);
    const auto r = vec::load(a + at.n, left);
    const auto g = vec::load(a + 2 * at.n, left);
    const auto inner = vec::load(at.inner + j, left);
    const auto d = vec::load(dh + j, left);
    const auto dg = d * (T(1) - f.gate(z)) * f.state_slope(g);
    vec::store(a, d * (vec::load(at.h + j, left) - f.state(g)) * f.gate_slope(z), left);
    vec::store(a + at.n, dg * inner * f.gate_slope(r), left);
    vec::store(a + 2 * at.n, dg, left);
    vec::store(at.inner + j, dg * f.gate(r), left);
    vec::store(dh + j, d * f.gate(z), left);
  }
}

/// The second half of gru_reset_first: the gradients of z and of the candidate's argument.
template <class T, class Acts>
void update_row_backward(const Acts& f, const Row<T>& at, T* dh) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    T* a = at.gates + j;
    const auto z = vec::load(a, left);
    const auto g = vec::load(a + 2 * at.n, left);
    const auto d = vec::load(dh + j, left);
    vec::store(a, d * (vec::load(at.h + j, left) - f.state(g)) * f.gate_slope(z), left);
    vec::store(a + 2 * at.n, d * (T(1) - f.gate(z)) * f.state_slope(g), left);
    vec::store(dh + j, d * f.gate(z), left);
  }
}
/// The first half: `product` is the gradient of r·h and becomes that part of the gradient of h.
template <class T, class Acts>
void reset_row_backward(const Acts& f, const Row<T>& at, T* product) {
  for (Index j = 0; j < at.n; j += vec::lanes<T>) {
    const Index left = at.n - j;
    const auto r = vec::load(at.gates + at.n + j, left);
    const auto d = vec::load(product + j, left);
    vec::store(at.gates + at.n + j, d * vec::load(at.product_h + j, left) * f.gate_slope(r), left);
    vec::store(product + j, d * f.gate(r), left);
  }
}

}  // namespace ranvier::kernels::rnn_detail
