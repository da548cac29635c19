// The optimizers' inner loops: one pass over a flat range of weights, gradients and slots.
#pragma once

#include <span>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// v = momentum·v − lr·g; w += v (Nesterov: w += momentum·v − lr·g). v may be null when momentum is 0.
struct SgdArgs {
  double learning_rate;
  double momentum;
  bool nesterov;
};
template <class T>
void sgd(const SgdArgs& args, Index n, T* w, const T* g, T* v);

/// Adam (Kingma & Ba 2015) in Keras's form: alpha = lr·sqrt(1−β2^t)/(1−β1^t) is given; w −= alpha·m/(sqrt(v)+eps).
/// amsgrad uses the running maximum in vmax (null otherwise).
struct AdamArgs {
  double alpha;
  double beta_1;
  double beta_2;
  double epsilon;
};
template <class T>
void adam(const AdamArgs& args, Index n, T* w, const T* g, T* m, T* v, T* vmax);

/// v = rho·v + (1−rho)·g²; centered: also mean a; step = lr·g/sqrt(v − a² + eps); momentum buffer u may be null.
struct RmspropArgs {
  double learning_rate;
  double rho;
  double momentum;
  double epsilon;
};
template <class T>
void rmsprop(const RmspropArgs& args, Index n, T* w, const T* g, T* v, T* a, T* u);

/// w −= w·rate: decoupled weight decay.
template <class T>
void decay(Index n, double rate, T* w);

/// Σ g² in float64, by a fixed tree.
template <class T>
double sum_of_squares(Index n, const T* g);
/// The same over some rows of a table, in the order given.
template <class T>
double sum_of_squares_of_rows(std::span<const Index> rows, Index width, const T* g);
/// g *= factor; g = clamp(g, −limit, limit).
template <class T>
void scale_inplace(Index n, T factor, T* g);
template <class T>
void clip_inplace(Index n, T limit, T* g);

/// Penalty l1·Σ|w| + l2·Σw² and its gradient g (+)= l1·sign(w) + 2·l2·w.
template <class T>
T l1l2_penalty(Index n, double l1, double l2, const T* w);
template <class T>
void l1l2_gradient(Index n, double l1, double l2, const T* w, T scale, T* g, bool accumulate);

}  // namespace ranvier::kernels
