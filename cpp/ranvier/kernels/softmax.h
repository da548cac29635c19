// Softmax over rows and the cross-entropies fused with it, in the shifted form that cannot overflow.
#pragma once

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// y = softmax(x) for each of `rows` rows of n; x may be y.
template <class T>
void softmax(Index rows, Index n, const T* x, T* y);
/// dx (+)= y·(dy − Σ dy·y).
template <class T>
void softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate);

template <class T>
void log_softmax(Index rows, Index n, const T* x, T* y);
/// dx (+)= dy − exp(y)·Σ dy.
template <class T>
void log_softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate);

/// Sparsemax (Martins & Astudillo 2016): the Euclidean projection of x onto the simplex.
template <class T>
void sparsemax(Index rows, Index n, const T* x, T* y);
template <class T>
void sparsemax_backward(Index rows, Index n, const T* y, const T* dy, T* dx, bool accumulate);

/// loss[r] = logsumexp(x_r) − x_r[label]; prob, when not null, receives softmax(x). Labels equal to `ignore` (when
/// use_ignore) give loss 0; a label outside [0, n) gives NaN (the caller has checked them). I: int32 or int64.
template <class T, class I>
void sparse_cross_entropy(Index rows, Index n, const T* x, const I* label, bool use_ignore, I ignore, T* loss, T* prob);
/// dx (+)= g[r]·(prob − onehot(label)); g has one value per row.
template <class T, class I>
void sparse_cross_entropy_backward(Index rows, Index n, const T* prob, const I* label, bool use_ignore, I ignore,
                                   const T* g, T* dx, bool accumulate);

/// loss[r] = −Σ t·log softmax(x) with targets t (rows, n), smoothed as t·(1−s) + s/n.
template <class T>
void cross_entropy(Index rows, Index n, const T* x, const T* target, T smoothing, T* loss, T* prob);
/// dx (+)= g[r]·(prob·Σt − t) with smoothed t.
template <class T>
void cross_entropy_backward(Index rows, Index n, const T* prob, const T* target, T smoothing, const T* g, T* dx,
                            bool accumulate);

}  // namespace ranvier::kernels
