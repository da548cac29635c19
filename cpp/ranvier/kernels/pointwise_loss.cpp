#include "ranvier/kernels/pointwise_loss.h"

#include <algorithm>
#include <array>

#include "ranvier/kernels/blocks.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::Vec;

constexpr Index grain = 16384;

// One struct per loss, in Keras 3's formulas: value(p, t) and derivative(p, t) in p. Where p is clipped, the derivative
// outside the bounds is 0, and on them that of the formula. NaN in p or t gives NaN.

template <class T>
struct Base {
  using V = Vec<T>;
  T a, b;
  explicit Base(LossArgs args) : a(static_cast<T>(args.a)), b(static_cast<T>(args.b)) {}
  static V sign(V x) { return x > T(0) ? vec::set1<T>(1) : x < T(0) ? vec::set1<T>(-1) : x; }
  /// t(1 − s) + s/2 with s = args.a
  V smoothed(V t) const { return t * (T(1) - a) + T(0.5) * a; }
};

#define RANVIER_LOSS(name)                        \
  using V = Vec<T>;                               \
  explicit name(LossArgs args) : Base<T>(args) {} \
  using Base<T>::a;                               \
  using Base<T>::b

template <class T>
struct squared_error : Base<T> {
  RANVIER_LOSS(squared_error);
  V value(V p, V t) const { return (p - t) * (p - t); }
  V derivative(V p, V t) const { return T(2) * (p - t); }
};

template <class T>
struct absolute_error : Base<T> {
  RANVIER_LOSS(absolute_error);
  V value(V p, V t) const { return vec::abs<T>(p - t); }
  V derivative(V p, V t) const { return this->sign(p - t); }
};

/// e²/2 up to delta, then the straight line that continues it.
template <class T>
struct huber : Base<T> {
  RANVIER_LOSS(huber);
  V value(V p, V t) const {
    const V e = vec::abs<T>(p - t);
    return e > a ? a * (e - T(0.5) * a) : T(0.5) * e * e;
  }
  V derivative(V p, V t) const { return vec::clamp(p - t, -a, a); }
};

/// log cosh e = log(1 + m²/(2(1 + m))), m = e^−|e| − 1: keeps its digits near 0; a straight line beyond 20.
template <class T>
struct log_cosh : Base<T> {
  RANVIER_LOSS(log_cosh);
  V value(V p, V t) const {
    const V e = vec::abs<T>(p - t);
    const V inner = vec::at_most(e, T(20));
    const V m = vec::expm1<T>(-inner);
    const V line = e > T(20) ? e - T(20) : V{};
    return vec::log1p<T>(T(0.5) * m * m * vec::exp<T>(inner)) + line;  // cosh e − 1 without cancellation
  }
  V derivative(V p, V t) const { return vec::tanh<T>(p - t); }
};

/// −t·log q − (1 − t)·log(1 − q), q = p clipped to [epsilon, 1 − epsilon], t smoothed.
template <class T>
struct binary_cross_entropy : Base<T> {
  RANVIER_LOSS(binary_cross_entropy);
  V value(V p, V t0) const {
    const V t = this->smoothed(t0);
    const V q = vec::clamp(p, b, T(1) - b);
    return -(t * vec::log<T>(q)) - (T(1) - t) * vec::log<T>(T(1) - q);
  }
  // (q − t)/(q(1 − q))
  V derivative(V p, V t0) const {
    const V t = this->smoothed(t0);
    const V d = (p - t) / (p * (T(1) - p));
    return p < b ? V{} : p > T(1) - b ? V{} : d;
  }
};

/// max(x, 0) − x·t + log(1 + e^−|x|), slope σ(x) − t, t smoothed.
template <class T>
struct binary_cross_entropy_logits : Base<T> {
  RANVIER_LOSS(binary_cross_entropy_logits);
  V value(V x, V t0) const {
    const V t = this->smoothed(t0);
    return vec::at_least(x, T(0)) - x * t + vec::log1p_of_unit<T>(vec::exp<T>(-vec::abs<T>(x)));
  }
  V derivative(V x, V t0) const { return vec::sigmoid<T>(x) - this->smoothed(t0); }
};

/// max(1 − t·p, 0), t = 0 read as −1.
template <class T>
struct hinge : Base<T> {
  RANVIER_LOSS(hinge);
  static V side(V t) { return t == T(0) ? vec::set1<T>(-1) : t; }
  V value(V p, V t) const { return vec::at_least(T(1) - side(t) * p, T(0)); }
  V derivative(V p, V t) const {
    const V m = value(p, t);
    return m > T(0) ? -side(t) : m;
  }
};

template <class T>
struct squared_hinge : Base<T> {
  RANVIER_LOSS(squared_hinge);
  V value(V p, V t) const {
    const V m = hinge<T>(LossArgs{}).value(p, t);
    return m * m;
  }
  V derivative(V p, V t) const { return T(-2) * hinge<T>::side(t) * hinge<T>(LossArgs{}).value(p, t); }
};

/// p − t·log(p + epsilon)
template <class T>
struct poisson : Base<T> {
  RANVIER_LOSS(poisson);
  V value(V p, V t) const { return p - t * vec::log<T>(p + a); }
  V derivative(V p, V t) const { return T(1) - t / (p + a); }
};

/// (log(1 + p) − log(1 + t))², both at least epsilon.
template <class T>
struct squared_logarithmic_error : Base<T> {
  RANVIER_LOSS(squared_logarithmic_error);
  V difference(V p, V t) const { return vec::log1p<T>(vec::at_least(p, a)) - vec::log1p<T>(vec::at_least(t, a)); }
  V value(V p, V t) const {
    const V d = difference(p, t);
    return d * d;
  }
  V derivative(V p, V t) const { return p < a ? V{} : T(2) * difference(p, t) / (T(1) + p); }
};

/// 100·|p − t|/max(|t|, epsilon)
template <class T>
struct absolute_percentage_error : Base<T> {
  RANVIER_LOSS(absolute_percentage_error);
  V value(V p, V t) const { return T(100) * vec::abs<T>(p - t) / vec::at_least(vec::abs<T>(t), a); }
  V derivative(V p, V t) const { return T(100) * this->sign(p - t) / vec::at_least(vec::abs<T>(t), a); }
};

/// t·log(t/p), both clipped to [epsilon, 1].
template <class T>
struct kl_divergence : Base<T> {
  RANVIER_LOSS(kl_divergence);
  V value(V p, V t) const {
    const V u = vec::clamp(t, a, T(1));
    return u * vec::log<T>(u / vec::clamp(p, a, T(1)));
  }
  V derivative(V p, V t) const { return p < a ? V{} : p > T(1) ? V{} : -vec::clamp(t, a, T(1)) / p; }
};

#undef RANVIER_LOSS

constexpr std::array names{
#define RANVIER_ENTRY(name) #name,
    RANVIER_POINTWISE_LOSS(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

template <class T>
using ForwardFn = void (*)(LossArgs args, Index rows, Index n, const T* p, const T* t, T scale, T* loss);
template <class T>
using BackwardFn = void (*)(LossArgs args, Index rows, Index n, const T* p, const T* t, T scale, const T* g, T* dp,
                            bool accumulate);

template <class T, template <class> class F>
void forward(LossArgs args, Index rows, Index n, const T* p, const T* t, T scale, T* loss) {
  const F<T> f(args);
  if (n == 1) {  // one output: the rows themselves fill the vectors
    for (Index r = 0; r < rows; r += lanes<T>) {
      const Index left = rows - r;
      vec::store<T>(loss + r, scale * f.value(load(p + r, left), load(t + r, left)), left);
    }
    return;
  }
  for (Index r = 0; r < rows; ++r, p += n, t += n) {
    const Total<T> sum = sum_of_terms<T>(0, n, [=](Index i, Index left) {
      const Vec<T> v = f.value(load(p + i, left), load(t + i, left));
      // Behind the end stand zeros, of which a loss need not be zero.
      return left >= lanes<T> ? v : vec::first_lanes<T>(left) ? v : Vec<T>{};
    });
    loss[r] = scale * static_cast<T>(sum);
  }
}

template <class T, template <class> class F>
void backward(LossArgs args, Index rows, Index n, const T* p, const T* t, T scale, const T* g, T* dp, bool accumulate) {
  const F<T> f(args);
  const bool flat = n == 1;
  const Index length = flat ? rows : n;
  for (Index r = 0; r < (flat ? 1 : rows); ++r, p += n, t += n, dp += n) {
    const Vec<T> fixed = vec::set1<T>(scale * g[r]);
    for (Index i = 0; i < length; i += lanes<T>) {
      const Index left = length - i;
      const Vec<T> factor = flat ? scale * load(g + i, left) : fixed;
      vec::put<T>(dp + i, factor * f.derivative(load(p + i, left), load(t + i, left)), left, accumulate);
    }
  }
}

template <class T>
constexpr std::array forward_table{
#define RANVIER_ENTRY(name) static_cast<ForwardFn<T>>(&forward<T, name>),
    RANVIER_POINTWISE_LOSS(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};
template <class T>
constexpr std::array backward_table{
#define RANVIER_ENTRY(name) static_cast<BackwardFn<T>>(&backward<T, name>),
    RANVIER_POINTWISE_LOSS(RANVIER_ENTRY)
#undef RANVIER_ENTRY
};

/// Rows of a piece, in whole vectors for the case n == 1.
Index rows_per_piece(Index rows, Index n) { return (rows_for(rows, n, grain) + 63) / 64 * 64; }

}  // namespace

const char* name_of(PointwiseLoss kind) { return names[static_cast<std::size_t>(kind)]; }

template <class T>
void pointwise_loss(PointwiseLoss kind, LossArgs args, Index rows, Index n, const T* p, const T* t, T scale, T* loss) {
  const ForwardFn<T> run = forward_table<T>[static_cast<std::size_t>(kind)];
  parallel_for(rows, rows_per_piece(rows, n), [=](Index begin, Index end) {
    run(args, end - begin, n, p + begin * n, t + begin * n, scale, loss + begin);
  });
}

template <class T>
void pointwise_loss_backward(PointwiseLoss kind, LossArgs args, Index rows, Index n, const T* p, const T* t, T scale,
                             const T* g, T* dp, bool accumulate) {
  const BackwardFn<T> run = backward_table<T>[static_cast<std::size_t>(kind)];
  parallel_for(rows, rows_per_piece(rows, n), [=](Index begin, Index end) {
    run(args, end - begin, n, p + begin * n, t + begin * n, scale, g + begin, dp + begin * n, accumulate);
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                         \
  template void pointwise_loss<T>(PointwiseLoss, LossArgs, Index, Index, const T*, const T*, T, T*);                   \
  template void pointwise_loss_backward<T>(PointwiseLoss, LossArgs, Index, Index, const T*, const T*, T, const T*, T*, \
                                           bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
