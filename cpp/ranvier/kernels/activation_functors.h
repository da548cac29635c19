// The activations, in Keras 3's formulas: value(x) and derivative(x or y), as functors.h explains.
#pragma once

#include "ranvier/kernels/functors.h"

namespace ranvier::kernels::functors {

/// Rosenblatt's threshold: 1 where x >= 0, else 0; it does not learn by gradients.
template <class T>
struct step : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return x >= T(0) ? constant(1) : x < T(0) ? V{} : x; }
  V derivative(V) const { return V{}; }
};

template <class T>
struct relu : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::at_least(x, T(0)); }
  V derivative(V y) const { return y <= T(0) ? V{} : constant(1); }
};

template <class T>
struct relu6 : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::clamp(x, T(0), T(6)); }
  V derivative(V y) const { return y <= T(0) ? V{} : y >= T(6) ? V{} : constant(1); }
};

/// a: negative_slope
template <class T>
struct leaky_relu : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  V value(V x) const { return x > T(0) ? x : this->a * x; }
  V derivative(V x) const { return x > T(0) ? constant(1) : V{} + this->a; }
};

/// a: alpha >= 0. Below 0: α(e^x − 1), whose slope α·e^x is y + α.
template <class T>
struct elu : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  V value(V x) const { return x > T(0) ? x : this->a * vec::expm1<T>(x); }
  V derivative(V y) const { return y > T(0) ? constant(1) : y + this->a; }
};

/// Klambauer et al. 2017: scale·elu(x, alpha) with the two constants that keep mean 0 and variance 1.
template <class T>
struct selu : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  static constexpr T scale = T(1.05070098735548049342);
  static constexpr T scale_alpha = T(1.75809934084737685994);
  V value(V x) const { return x > T(0) ? scale * x : scale_alpha * vec::expm1<T>(x); }
  V derivative(V y) const { return y > T(0) ? constant(scale) : y + scale_alpha; }
};

/// a: alpha. Below 0: α(e^(x/α) − 1), whose slope e^(x/α) is y/α + 1.
template <class T>
struct celu : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  V value(V x) const { return x > T(0) ? x : this->a * vec::expm1<T>(x / this->a); }
  V derivative(V y) const { return y > T(0) ? constant(1) : y / this->a + T(1); }
};

/// x·Φ(x); the lower bound turns −inf·0 into 0.
template <class T>
struct gelu : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::at_least(x, T(-50)) * vec::normal<T>(x).cdf; }
  // Φ(x) + x·φ(x)
  V derivative(V x) const {
    const vec::Normal<T> n = vec::normal<T>(x);
    return n.cdf + vec::clamp(x, T(-50), T(50)) * n.density;
  }
  V value_and_derivative(V x, V& slope) const {
    const vec::Normal<T> n = vec::normal<T>(x);
    slope = n.cdf + vec::clamp(x, T(-50), T(50)) * n.density;
    return vec::at_least(x, T(-50)) * n.cdf;
  }
};

/// x/2·(1 + tanh u) = x·σ(2u), u = √(2/π)(x + 0.044715 x³)
template <class T>
struct gelu_tanh : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  static constexpr T twice_root = T(1.59576912160573071176);
  static constexpr T cubic = T(0.044715);
  V value(V x) const { return vec::at_least(x, T(-50)) * vec::sigmoid<T>(twice_root * x * (T(1) + cubic * x * x)); }
  // s + x·s(1 − s)·(2u)'
  V derivative(V x0) const {
    const V x = vec::clamp(x0, T(-50), T(50));
    const V s = vec::sigmoid<T>(twice_root * x * (T(1) + cubic * x * x));
    return s + x * s * (T(1) - s) * (twice_root * (T(1) + T(3) * cubic * x * x));
  }
  V value_and_derivative(V x0, V& slope) const {
    const V x = vec::clamp(x0, T(-50), T(50));
    const V s = vec::sigmoid<T>(twice_root * x * (T(1) + cubic * x * x));
    slope = s + x * s * (T(1) - s) * (twice_root * (T(1) + T(3) * cubic * x * x));
    return vec::at_least(x0, T(-50)) * s;
  }
};

/// x·σ(x); the bounds are where σ is 0 or 1 and keep inf·0 away.
template <class T>
struct silu : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::at_least(x, T(-1000)) * vec::sigmoid<T>(x); }
  // s(1 + x(1 − s))
  V derivative(V x0) const {
    const V x = vec::clamp(x0, T(-1000), T(1000));
    const V s = vec::sigmoid<T>(x);
    return s * (T(1) + x * (T(1) - s));
  }
  V value_and_derivative(V x0, V& slope) const {
    const V x = vec::clamp(x0, T(-1000), T(1000));
    const V s = vec::sigmoid<T>(x);
    slope = s * (T(1) + x * (T(1) - s));
    return vec::at_least(x0, T(-1000)) * s;
  }
};

/// x·tanh(softplus(x)) = x·w/(w + 2), w = e^x(e^x + 2)
template <class T>
struct mish : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const {
    const V e = vec::exp<T>(vec::at_most(x, T(25)));
    const V w = e * (e + T(2));
    return vec::at_least(x, T(-1000)) * (w / (w + T(2)));
  }
  // t + x(1 − t²)σ(x), 1 − t = 2/(w + 2)
  V derivative(V x) const {
    const V e = vec::exp<T>(vec::at_most(x, T(25)));
    const V w = e * (e + T(2));
    const V t = w / (w + T(2));
    return t + vec::clamp(x, T(-1000), T(25)) * (T(2) / (w + T(2)) * (T(1) + t)) * (e / (T(1) + e));
  }
};

template <class T>
struct softplus : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::softplus<T>(x); }
  V derivative(V x) const { return vec::sigmoid<T>(x); }
};

/// x/(1 + |x|), slope 1/(1 + |x|)² = (1 − |y|)²
template <class T>
struct softsign : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x0) const {
    const V x = vec::clamp(x0, std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max());
    return x / (T(1) + vec::abs<T>(x));
  }
  V derivative(V y) const {
    const V r = T(1) - vec::abs<T>(y);
    return r * r;
  }
};

template <class T>
struct sigmoid : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::sigmoid<T>(x); }
  V derivative(V y) const { return y * (T(1) - y); }
};

/// relu6(x + 3)/6
template <class T>
struct hard_sigmoid : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::clamp(x + T(3), T(0), T(6)) / T(6); }
  V derivative(V y) const { return y <= T(0) ? V{} : y >= T(1) ? V{} : constant(1.0 / 6); }
};

/// x·relu6(x + 3)/6
template <class T>
struct hard_silu : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return x <= T(-3) ? V{} : x * (vec::at_most(x + T(3), T(6)) / T(6)); }
  V derivative(V x) const { return x <= T(-3) ? V{} : x >= T(3) ? constant(1) : (T(2) * x + T(3)) / T(6); }
};

template <class T>
struct tanh : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::tanh<T>(x); }
  V derivative(V y) const { return (T(1) - y) * (T(1) + y); }
};

template <class T>
struct hard_tanh : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return vec::clamp(x, T(-1), T(1)); }
  V derivative(V y) const { return y <= T(-1) ? V{} : y >= T(1) ? V{} : constant(1); }
};

/// log σ(x) = −softplus(−x)
template <class T>
struct log_sigmoid : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return -vec::softplus<T>(-x); }
  V derivative(V x) const { return vec::sigmoid<T>(-x); }
};

/// x − tanh(x), slope tanh²(x)
template <class T>
struct tanh_shrink : Plain<T> {
  RANVIER_FUNCTOR(Plain);
  V value(V x) const { return x - vec::tanh<T>(x); }
  V derivative(V x) const {
    const V t = vec::tanh<T>(x);
    return t * t;
  }
};

/// a: threshold. x drawn towards 0 by a, and 0 within a of it.
template <class T>
struct soft_shrink : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  V value(V x) const { return vec::abs<T>(x) <= this->a ? V{} : x - vec::copysign<T>(V{} + this->a, x); }
  V derivative(V x) const { return vec::abs<T>(x) <= this->a ? V{} : constant(1); }
};

/// a: threshold. 0 within a of 0, else x.
template <class T>
struct hard_shrink : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  V value(V x) const { return vec::abs<T>(x) <= this->a ? V{} : x; }
  V derivative(V x) const { return vec::abs<T>(x) <= this->a ? V{} : constant(1); }
};

/// a: threshold, b: default value. x above a, else b.
template <class T>
struct threshold : WithAB<T> {
  RANVIER_FUNCTOR(WithAB);
  V value(V x) const { return x <= this->a ? V{} + this->b : x; }
  V derivative(V x) const { return x <= this->a ? V{} : constant(1); }
};

/// a: b of the formula (x + √(x² + b))/2. For x < 0 the same as b/(2(√ − x)), which does not cancel.
template <class T>
struct squareplus : WithA<T> {
  RANVIER_FUNCTOR(WithA);
  // Beyond this bound b no longer counts, and the square would overflow.
  static constexpr T large = sizeof(T) == 4 ? T(1e18) : T(1e150);
  V value(V x) const {
    const V c = vec::clamp(x, -large, large);
    const V m = vec::abs<T>(x);
    const V root = vec::sqrt<T>(c * c + this->a);
    const V s = root > m ? root : m;
    const V left = s > T(0) ? this->a / (T(2) * (s + m)) : V{};
    return x < T(0) ? left : T(0.5) * x + T(0.5) * s;
  }
  V derivative(V x) const {
    const V c = vec::clamp(x, -large, large);
    const V root = vec::sqrt<T>(c * c + this->a);
    return T(0.5) + T(0.5) * (root > T(0) ? c / root : c);
  }
};

}  // namespace ranvier::kernels::functors
