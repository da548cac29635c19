// Batch and layer normalisation, forward and backward in one pass each over the data where possible.
#pragma once

#include <limits>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// Mean and biased variance of every channel of x (outer, channels, inner) over outer and inner.
template <class T>
void channel_moments(Index outer, Index channels, Index inner, const T* x, T* mean, T* variance);

/// How channels are normalised: f((x − mean)·rsqrt(variance + eps)·gamma + beta). gamma or beta may be null; f is the
/// identity, or with relu min(max(·, 0), ceiling).
template <class T>
struct ChannelNorm {
  const T* mean;
  const T* variance;
  T eps;
  const T* gamma;
  const T* beta;
  bool relu = false;
  T ceiling = std::numeric_limits<T>::infinity();
};

template <class T>
void channel_normalize(Index outer, Index channels, Index inner, const ChannelNorm<T>& norm, const T* x, T* y);

/// Gradients of channel_normalize, which are found from x alone, also with relu. With batch_statistics, mean and variance
/// are those of x itself and their gradient is included (training); else they are constants (inference). Any of dx,
/// dgamma, dbeta may be null; each has its own accumulate flag.
template <class T>
void channel_normalize_backward(Index outer, Index channels, Index inner, const ChannelNorm<T>& norm,
                                bool batch_statistics, const T* x, const T* dy, T* dx, bool dx_accumulate, T* dgamma,
                                bool dgamma_accumulate, T* dbeta, bool dbeta_accumulate);

/// A product with this kernel (rows, channels) and bias (channels, or null), then channel_normalize, is the product with
/// the kernel and bias made here.
template <class T>
void fold_norm(Index rows, Index channels, const ChannelNorm<T>& norm, const T* kernel, const T* bias, T* folded_kernel,
               T* folded_bias);

/// Each of `rows` rows of n is normalised by its own mean and variance, then scaled by gamma[n] and shifted by beta[n]
/// (either may be null). mean and rstd (rows) are kept for the gradient.
template <class T>
void layer_normalize(Index rows, Index n, const T* x, T eps, const T* gamma, const T* beta, T* y, T* mean, T* rstd);
template <class T>
void layer_normalize_backward(Index rows, Index n, const T* x, const T* mean, const T* rstd, const T* gamma,
                              const T* dy, T* dx, bool dx_accumulate, T* dgamma, bool dgamma_accumulate, T* dbeta,
                              bool dbeta_accumulate);

}  // namespace ranvier::kernels
