// Normalisation over the batch, rows or groups of channels, forward and backward in few passes over the data.
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

/// How rows are brought to one size: y = x·r·gamma with r = 1/√(max(share·Σx², least) + eps); gamma (n) may be null.
template <class T>
struct RowScale {
  T share;  ///< 1/n: root mean square; 1: length
  T least;
  T eps;
};
/// rstd (rows) keeps r for the gradient.
template <class T>
void scale_rows(Index rows, Index n, const T* x, const RowScale<T>& scale, const T* gamma, T* y, T* rstd);
template <class T>
void scale_rows_backward(Index rows, Index n, const T* x, const RowScale<T>& scale, const T* rstd, const T* gamma,
                         const T* dy, T* dx, bool dx_accumulate, T* dgamma, bool dgamma_accumulate);

/// x as (batch, outer, channels, inner); the channels form `groups` runs of equal length.
struct GroupView {
  Index batch;
  Index outer;
  Index channels;
  Index inner;
  Index groups;
};
/// Mean and biased variance of every group of every sample, written to each of its channels: (batch, channels).
template <class T>
void group_moments(const GroupView& at, const T* x, T* mean, T* variance);
/// (x − mean)·rsqrt(variance + eps)·gamma + beta with gamma and beta (channels), which may be null.
template <class T>
void group_normalize(const GroupView& at, const T* x, const T* mean, const T* variance, T eps, const T* gamma,
                     const T* beta, T* y);
/// sums is room for (2, batch, channels).
template <class T>
void group_normalize_backward(const GroupView& at, const T* x, const T* mean, const T* variance, T eps, const T* gamma,
                              const T* dy, T* sums, T* dx, bool dx_accumulate, T* dgamma, bool dgamma_accumulate,
                              T* dbeta, bool dbeta_accumulate);

}  // namespace ranvier::kernels
