#include "ranvier/kernels/ctc.h"

#include <algorithm>
#include <limits>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::store;
using vec::Vec;

/// Stands for log 0: sums of it stay finite, so no difference of two is NaN.
template <class T>
constexpr T nothing = static_cast<T>(-1e30);

/// Elements of a row of states, blank label blank … label blank, with room for vectors on both sides.
template <class T>
Index row_size(const CtcSizes& sizes) {
  constexpr Index w = lanes<T>;
  return (2 * sizes.labels + 1 + w - 1) / w * w + 2 * w;
}

template <class T>
RANVIER_INLINE Vec<T> log_sum_exp(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> ab = a > b ? a : b;
  const Vec<T> most = ab > c ? ab : c;
  return most + vec::log<T>(vec::exp<T>(a - most) + vec::exp<T>(b - most) + vec::exp<T>(c - most));
}

template <class T>
class Sample {
 public:
  Sample(const CtcSizes& sizes, const std::int64_t* labels, Index length, Index steps, bool gradient, T* logp,
         T* scratch)
      : sizes_(sizes), labels_(labels), states_(2 * length + 1), steps_(steps), keep_(gradient), logp_(logp) {
    const Index row = row_size<T>(sizes);
    std::fill_n(scratch, ctc_scratch<T>(CtcSizes{1, sizes.time, sizes.classes, sizes.labels, sizes.blank}, gradient),
                nothing<T>);
    // Each row begins `lanes` elements in, so that states −1 and −2 are log 0.
    scratch += lanes<T>;
    emission_ = scratch;
    skip_ = scratch + row;
    beta_[0] = scratch + 2 * row;
    beta_[1] = scratch + 3 * row;
    alpha_ = scratch + 4 * row;
    row_ = row;
    for (Index s = 3; s < states_; s += 2) {
      if (label(s) != label(s - 2)) skip_[s] = 0;
    }
  }

  T forward() {
    for (Index t = 0; t < steps_; ++t) {
      T* to = alpha(t);
      emit(t);
      if (t == 0) {
        std::fill_n(to, row_ - 2 * lanes<T>, nothing<T>);
        for (Index s = 0; s < std::min<Index>(2, states_); ++s) to[s] = emission_[s];
        continue;
      }
      const T* from = alpha(t - 1);
      each_vector([&](Index s) {
        const Vec<T> sum = log_sum_exp<T>(load(from + s), load(from + s - 1), load(from + s - 2) + load(skip_ + s));
        store(to + s, sum + load(emission_ + s));
      });
    }
    if (steps_ == 0) return states_ == 1 ? T{0} : std::numeric_limits<T>::infinity();
    const T* last = alpha(steps_ - 1);
    const T a = last[states_ - 1];
    const T b = states_ > 1 ? last[states_ - 2] : nothing<T>;
    const T most = std::max(a, b);
    total_ = most + std::log(std::exp(a - most) + std::exp(b - most));
    return total_ > nothing<T> / 2 ? -total_ : std::numeric_limits<T>::infinity();
  }

  // Turns the rows of logp into gradients, from the last to the first.
  void backward() {
    for (Index t = steps_ - 1; t >= 0; --t) {
      emit(t);
      T* to = beta_[t % 2];
      if (t == steps_ - 1) {
        for (Index s = std::max<Index>(0, states_ - 2); s < states_; ++s) to[s] = 0;
      } else {
        const T* from = beta_[(t + 1) % 2];
        each_vector([&](Index s) {
          store(to + s, log_sum_exp<T>(load(from + s), load(from + s + 1), load(from + s + 2) + load(skip_ + s + 2)));
        });
      }
      T* row = logp_ + t * sizes_.classes;
      for (Index c = 0; c < sizes_.classes; c += lanes<T>) {
        const Index left = sizes_.classes - c;
        store(row + c, vec::exp<T>(load(row + c, left)), left);
      }
      // The ways that lead here times those on from here, over all ways: the posterior of the state.
      T* posterior = alpha(t);
      each_vector([&](Index s) {
        store(posterior + s, vec::exp<T>(load(posterior + s) + load(to + s) - total_));
        store(to + s, load(to + s) + load(emission_ + s));
      });
      for (Index s = 0; s < states_; ++s) row[label(s)] -= posterior[s];
      for (Index s = states_; s < row_ - 2 * lanes<T>; ++s) to[s] = nothing<T>;
    }
  }

 private:
  Index label(Index state) const { return state % 2 == 0 ? sizes_.blank : labels_[state / 2]; }
  T* alpha(Index t) { return alpha_ + (keep_ ? t : t % 2) * row_; }
  void emit(Index t) {
    const T* row = logp_ + t * sizes_.classes;
    for (Index s = 0; s < states_; ++s) emission_[s] = std::max(row[label(s)], nothing<T>);
  }
  template <class F>
  RANVIER_INLINE void each_vector(const F& f) {
    for (Index s = 0; s < states_; s += lanes<T>) f(s);
  }

  CtcSizes sizes_;
  const std::int64_t* labels_;
  Index states_;
  Index steps_;
  bool keep_;
  T* logp_;
  T* emission_;
  T* skip_;  ///< 0 where a state may be reached past a blank, log 0 where not
  T* beta_[2];
  T* alpha_;
  Index row_;
  T total_ = 0;
};

}  // namespace

template <class T>
Index ctc_scratch(const CtcSizes& sizes, bool gradient) {
  return sizes.batch * (4 + (gradient ? sizes.time : 2)) * row_size<T>(sizes);
}

template <class T>
void ctc_loss(const CtcSizes& sizes, const std::int64_t* labels, const std::int64_t* lengths, const std::int64_t* steps,
              bool gradient, T* logp, T* scratch, T* loss) {
  const Index room = sizes.batch == 0 ? 0 : ctc_scratch<T>(sizes, gradient) / sizes.batch;
  parallel_for(sizes.batch, 1, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      const std::int64_t* own = labels + b * sizes.labels;
      T* rows = logp + b * sizes.time * sizes.classes;
      const auto in_range = [&](std::int64_t c) { return c >= 0 && c < sizes.classes; };
      bool possible = lengths[b] >= 0 && lengths[b] <= sizes.labels && steps[b] >= 0 && steps[b] <= sizes.time;
      possible = possible && std::all_of(own, own + lengths[b], in_range);
      loss[b] = std::numeric_limits<T>::infinity();
      Index filled = 0;  // rows that hold a gradient
      if (possible) {
        Sample<T> sample(sizes, own, lengths[b], steps[b], gradient, rows, scratch + b * room);
        loss[b] = sample.forward();
        if (gradient && loss[b] < std::numeric_limits<T>::infinity()) {
          sample.backward();
          filled = steps[b];
        }
      }
      if (gradient) std::fill(rows + filled * sizes.classes, rows + sizes.time * sizes.classes, T{0});
    }
  });
}

template <class T>
void ctc_gradient(Index batch, Index row, const T* dy, const T* gradient, T* dx, bool accumulate) {
  parallel_for(batch, 1, [=](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      for (Index i = 0; i < row; i += lanes<T>) {
        const Index left = row - i;
        vec::put<T>(dx + b * row + i, dy[b] * load(gradient + b * row + i, left), left, accumulate);
      }
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                        \
  template void ctc_gradient<T>(Index, Index, const T*, const T*, T*, bool);                                          \
  template Index ctc_scratch<T>(const CtcSizes&, bool);                                                               \
  template void ctc_loss<T>(const CtcSizes&, const std::int64_t*, const std::int64_t*, const std::int64_t*, bool, T*, \
                            T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
