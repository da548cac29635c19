#include "ranvier/kernels/update.h"

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/blocks.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::store;
using vec::Vec;

// Up to seven streams pass through one element, so that a piece of this size already outweighs a parallel region.
constexpr Index grain = 8192;

/// f(i, left) for every vector of [0, n), on several threads when n is large.
template <class T, class F>
RANVIER_INLINE void each_vector(Index n, F f) {
  parallel_for(n, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; i += lanes<T>) f(i, end - i);
  });
}

/// num/(sqrt(v) + epsilon), v >= 0. The division unit needs 30 cycles a vector for the two; two Newton steps on the
/// approximate instructions need 6 and are right to one or two units in the last place.
template <class T>
RANVIER_INLINE Vec<T> scaled_by_root(Vec<T> num, Vec<T> v, T epsilon) {
#if defined(__AVX512F__) || defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    // The bounds keep 0·inf away; an epsilon below 1e-19 is the only one to see the lower.
    const Vec<float> x = vec::clamp(v, std::numeric_limits<float>::min(), std::numeric_limits<float>::max());
#if defined(__AVX512F__)
    const auto r = (Vec<float>)_mm512_rsqrt14_ps((__m512)x);
#else
    const auto r = (Vec<float>)_mm256_rsqrt_ps((__m256)x);
#endif
    const Vec<float> s = x * r;
    const Vec<float> d = s + s * (0.5F - s * (0.5F * r)) + epsilon;
#if defined(__AVX512F__)
    const auto c = (Vec<float>)_mm512_rcp14_ps((__m512)d);
#else
    const auto c = (Vec<float>)_mm256_rcp_ps((__m256)d);
#endif
    return num * (c + c * (1.0F - d * c));
  }
#endif
  return num / (vec::sqrt<T>(v) + epsilon);
}

}  // namespace

template <class T>
void sgd(const SgdArgs& args, Index n, T* w, const T* g, T* v) {
  const auto lr = static_cast<T>(args.learning_rate);
  const auto momentum = static_cast<T>(args.momentum);
  const bool nesterov = args.nesterov;
  if (v == nullptr) {
    each_vector<T>(n, [=](Index i, Index left) {
      const Vec<T> step = vec::rounded(lr * load(g + i, left));
      store(w + i, load(w + i, left) - step, left);
    });
    return;
  }
  each_vector<T>(n, [=](Index i, Index left) {
    const Vec<T> step = vec::rounded(lr * load(g + i, left));
    const Vec<T> speed = vec::rounded(momentum * load(v + i, left)) - step;
    store(v + i, speed, left);
    const Vec<T> move = nesterov ? vec::rounded(momentum * speed) - step : speed;
    store(w + i, load(w + i, left) + move, left);
  });
}

template <class T>
void adam(const AdamArgs& args, Index n, T* w, const T* g, T* m, T* v, T* vmax) {
  const auto alpha = static_cast<T>(args.alpha);
  const auto rate_1 = static_cast<T>(1 - args.beta_1);
  const auto rate_2 = static_cast<T>(1 - args.beta_2);
  const auto epsilon = static_cast<T>(args.epsilon);
  each_vector<T>(n, [=](Index i, Index left) {
    const Vec<T> grad = load(g + i, left);
    Vec<T> mean = load(m + i, left);
    Vec<T> square = load(v + i, left);
    mean += (grad - mean) * rate_1;
    square += (grad * grad - square) * rate_2;
    store(m + i, mean, left);
    store(v + i, square, left);
    if (vmax != nullptr) {
      const Vec<T> top = load(vmax + i, left);
      square = top > square ? top : square;
      store(vmax + i, square, left);
    }
    const Vec<T> step = vec::rounded(scaled_by_root<T>(alpha * mean, square, epsilon));
    store(w + i, load(w + i, left) - step, left);
  });
}

template <class T>
void rmsprop(const RmspropArgs& args, Index n, T* w, const T* g, T* v, T* a, T* u) {
  const auto lr = static_cast<T>(args.learning_rate);
  const auto rho = static_cast<T>(args.rho);
  const auto rest = static_cast<T>(1 - args.rho);
  const auto momentum = static_cast<T>(args.momentum);
  const auto epsilon = static_cast<T>(args.epsilon);
  each_vector<T>(n, [=](Index i, Index left) {
    const Vec<T> grad = load(g + i, left);
    Vec<T> square = vec::rounded(rho * load(v + i, left)) + vec::rounded(rest * (grad * grad));
    store(v + i, square, left);
    if (a != nullptr) {
      const Vec<T> mean = vec::rounded(rho * load(a + i, left)) + vec::rounded(rest * grad);
      store(a + i, mean, left);
      square -= vec::rounded(mean * mean);
    }
    Vec<T> step = lr * grad / vec::sqrt<T>(square + epsilon);
    if (u != nullptr) {
      step += vec::rounded(momentum * load(u + i, left));
      store(u + i, step, left);
    }
    store(w + i, load(w + i, left) - step, left);
  });
}

template <class T>
void decay(Index n, double rate, T* w) {
  const auto r = static_cast<T>(rate);
  each_vector<T>(n, [=](Index i, Index left) {
    const Vec<T> x = load(w + i, left);
    store(w + i, x - x * r, left);
  });
}

template <class T>
double sum_of_squares(Index n, const T* g) {
  // Half as many elements a vector, so that each fits a lane of float64.
  constexpr Index wide = lanes<double>;
  return parallel_sum(n, 2 * grain, [=](Index begin, Index end) {
    return sum_of_terms<double>(begin, end, [=](Index i, Index left) {
      Vec<double> x{};
      if constexpr (sizeof(T) == 8) {
        x = load(g + i, left);
      } else {
        vec::VecN<T, wide> narrow{};
        if (left >= wide) {
          std::memcpy(&narrow, g + i, sizeof narrow);
        } else {
          for (Index k = 0; k < left; ++k) narrow[k] = g[i + k];
        }
        x = __builtin_convertvector(narrow, Vec<double>);
      }
      return x * x;
    });
  });
}

template <class T>
double sum_of_squares_of_rows(std::span<const Index> rows, Index width, const T* g) {
  const auto count = static_cast<Index>(rows.size());
  return parallel_sum(count, rows_for(count, width, 2 * grain), [=](Index begin, Index end) {
    double sum = 0;
    for (Index k = begin; k < end; ++k) {
      sum += sum_of_squares<T>(width, g + rows[static_cast<std::size_t>(k)] * width);
    }
    return sum;
  });
}

template <class T>
void scale_inplace(Index n, T factor, T* g) {
  each_vector<T>(n, [=](Index i, Index left) { store(g + i, factor * load(g + i, left), left); });
}

template <class T>
void clip_inplace(Index n, T limit, T* g) {
  each_vector<T>(n, [=](Index i, Index left) { store(g + i, vec::clamp(load(g + i, left), -limit, limit), left); });
}

template <class T>
T l1l2_penalty(Index n, double l1, double l2, const T* w) {
  const auto a = static_cast<T>(l1);
  const auto b = static_cast<T>(l2);
  return static_cast<T>(parallel_sum(n, 2 * grain, [=](Index begin, Index end) {
    return sum_of_terms<T>(begin, end, [=](Index i, Index left) {
      const Vec<T> x = load(w + i, left);
      return vec::abs<T>(x) * (a + b * vec::abs<T>(x));
    });
  }));
}

template <class T>
void l1l2_gradient(Index n, double l1, double l2, const T* w, T scale, T* g, bool accumulate) {
  const T a = static_cast<T>(l1) * scale;
  const T b = static_cast<T>(2 * l2) * scale;
  each_vector<T>(n, [=](Index i, Index left) {
    const Vec<T> x = load(w + i, left);
    const Vec<T> sign = x > T(0) ? vec::set1<T>(1) : x < T(0) ? vec::set1<T>(-1) : x;
    vec::put<T>(g + i, a * sign + b * x, left, accumulate);
  });
}

#define RANVIER_INSTANTIATE(T)                                                        \
  template void sgd<T>(const SgdArgs&, Index, T*, const T*, T*);                      \
  template void adam<T>(const AdamArgs&, Index, T*, const T*, T*, T*, T*);            \
  template void rmsprop<T>(const RmspropArgs&, Index, T*, const T*, T*, T*, T*);      \
  template void decay<T>(Index, double, T*);                                          \
  template double sum_of_squares<T>(Index, const T*);                                 \
  template double sum_of_squares_of_rows<T>(std::span<const Index>, Index, const T*); \
  template void scale_inplace<T>(Index, T, T*);                                       \
  template void clip_inplace<T>(Index, T, T*);                                        \
  template T l1l2_penalty<T>(Index, double, double, const T*);                        \
  template void l1l2_gradient<T>(Index, double, double, const T*, T, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
