// The mathematics of every unary function: value(x), and derivative(s) where s is the array that unary.h says the
// derivative reads (x or y). NaN in gives NaN out. At kinks the derivative is the one of PyTorch and Keras.
// Here: arithmetic, elementary functions and rounding. The activations follow in activation_functors.h.
#pragma once

#include "ranvier/kernels/unary.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels::functors {

/// A function without constants.
template <class T>
struct Plain {
  using V = vec::Vec<T>;
  explicit Plain(UnaryArgs) {}
  static V constant(double value) { return vec::set1<T>(static_cast<T>(value)); }
};
/// A function of one constant, args.a.
template <class T>
struct WithA : Plain<T> {
  T a;
  explicit WithA(UnaryArgs args) : Plain<T>(args), a(static_cast<T>(args.a)) {}
};
/// A function of two constants, args.a and args.b.
template <class T>
struct WithAB : WithA<T> {
  T b;
  explicit WithAB(UnaryArgs args) : WithA<T>(args), b(static_cast<T>(args.b)) {}
};

/// What the body of each function below needs of its base.
#define RANVIER_FUNCTOR(base) \
  using typename base<T>::V;  \
  using base<T>::base;        \
  using base<T>::constant

template <class T>
struct identity : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return x; }
  V derivative(V) const { return constant(1); }
};

template <class T>
struct negative : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return -x; }
  V derivative(V) const { return constant(-1); }
};

template <class T>
struct abs : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::abs<T>(x); }
  V derivative(V x) const { return x > T(0) ? constant(1) : x < T(0) ? constant(-1) : x; }
};

template <class T>
struct sign : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return x > T(0) ? constant(1) : x < T(0) ? constant(-1) : x; }
  V derivative(V) const { return V{}; }
};

template <class T>
struct square : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return x * x; }
  V derivative(V x) const { return x + x; }
};

template <class T>
struct sqrt : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::sqrt<T>(x); }
  V derivative(V y) const { return T(0.5) / y; }
};

template <class T>
struct rsqrt : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return T(1) / vec::sqrt<T>(x); }
  V derivative(V y) const { return T(-0.5) * y * y * y; }
};

template <class T>
struct reciprocal : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return T(1) / x; }
  V derivative(V y) const { return -y * y; }
};

template <class T>
struct exp : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::exp<T>(x); }
  V derivative(V y) const { return y; }
};

template <class T>
struct expm1 : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::expm1<T>(x); }
  V derivative(V y) const { return y + T(1); }
};

template <class T>
struct log : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::log<T>(x); }
  V derivative(V x) const { return T(1) / x; }
};

template <class T>
struct log1p : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::log1p<T>(x); }
  V derivative(V x) const { return T(1) / (x + T(1)); }
};

template <class T>
struct sin : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::sin<T>(x); }
  V derivative(V x) const { return vec::cos<T>(x); }
};

template <class T>
struct cos : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::cos<T>(x); }
  V derivative(V x) const { return -vec::sin<T>(x); }
};

/// (2/√π)·e^(−x²)
template <class T>
struct erf : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::erf<T>(x); }
  V derivative(V x) const { return T(1.12837916709551257390) * vec::exp<T>(-(x * x)); }
};

template <class T>
struct floor : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::floor<T>(x); }
  V derivative(V) const { return V{}; }
};

template <class T>
struct ceil : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::ceil<T>(x); }
  V derivative(V) const { return V{}; }
};

/// Half to even.
template <class T>
struct round : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::round<T>(x); }
  V derivative(V) const { return V{}; }
};

/// a: lower bound, b: upper bound. The bounds themselves count as inside.
template <class T>
struct clip : WithAB<T> {
  RANVIER_FUNCTOR(WithAB);
  V value(V x) const { return vec::clamp(x, this->a, this->b); }
  V derivative(V x) const { return x < this->a ? V{} : x > this->b ? V{} : constant(1); }
};

/// x^a
template <class T>
struct pow_scalar : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  V value(V x) const { return vec::pow<T>(x, V{} + this->a); }
  // a·x^(a−1); a constant (a = 0) has no slope at 0 either.
  V derivative(V x) const { return this->a == T(0) ? V{} : this->a * vec::pow<T>(x, V{} + (this->a - T(1))); }
};

}  // namespace ranvier::kernels::functors
