// Losses that compare prediction and target element by element, averaged over the last axis: one value per row.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// X(name): the formulas are in pointwise_loss.cpp, one struct each with value(p, t) and derivative(p, t) in p.
/// huber reads args.a = delta; the binary cross-entropies args.a = label smoothing, args.b = epsilon for clipping
/// probabilities; binary_cross_entropy_logits takes p as a logit; hinge losses expect t in {-1, 1} (0 counts as -1);
/// poisson, squared_logarithmic_error, absolute_percentage_error and kl_divergence read args.a = epsilon.
#define RANVIER_POINTWISE_LOSS(X) \
  X(squared_error)                \
  X(absolute_error)               \
  X(huber)                        \
  X(log_cosh)                     \
  X(binary_cross_entropy)         \
  X(binary_cross_entropy_logits)  \
  X(hinge)                        \
  X(squared_hinge)                \
  X(poisson)                      \
  X(squared_logarithmic_error)    \
  X(absolute_percentage_error)    \
  X(kl_divergence)

enum class PointwiseLoss : std::uint8_t {
#define RANVIER_NAME(name) name,
  RANVIER_POINTWISE_LOSS(RANVIER_NAME)
#undef RANVIER_NAME
};
const char* name_of(PointwiseLoss kind);

struct LossArgs {
  double a = 0;
  double b = 0;
};

/// loss[r] = scale·Σ_j f(p[r][j], t[r][j]); scale is 1/n for a mean over the last axis (1 for kl_divergence's sum).
template <class T>
void pointwise_loss(PointwiseLoss kind, LossArgs args, Index rows, Index n, const T* p, const T* t, T scale, T* loss);
/// dp (+)= scale·g[r]·∂f/∂p.
template <class T>
void pointwise_loss_backward(PointwiseLoss kind, LossArgs args, Index rows, Index n, const T* p, const T* t, T scale,
                             const T* g, T* dp, bool accumulate);

}  // namespace ranvier::kernels
