// Matrix product C = beta*C + op(A)·op(B) with a fused epilogue. Row-major; no Eigen type appears here.
#pragma once

#include "ranvier/core/shape.h"
#include "ranvier/kernels/unary.h"

namespace ranvier::kernels {

/// What happens to a tile of C while it is still in cache, after its last block of k: first the bias (one value per
/// column), then the activation. `preactivation`, when given, receives C before the activation (leading dimension ldc).
template <class T>
struct Epilogue {
  const T* bias = nullptr;
  TileFn<T> activation = nullptr;
  UnaryArgs args{};
  T* preactivation = nullptr;
  SlopeFn<T> with_slope = nullptr;  ///< takes the place of activation; preactivation then receives half its derivative
};

/// C (m×n, leading dimension ldc) = beta·C + op(A)·op(B), op(A) m×k, op(B) k×n; beta is 0 or 1, and with 0 the old
/// contents of C are not read. trans_a: A is stored k×m with leading dimension lda; trans_b: B is stored n×k.
/// The result does not depend on the number of threads. Any of m, n, k may be 0.
template <class T>
void gemm(bool trans_a, bool trans_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc, const Epilogue<T>* epilogue = nullptr);

extern template void gemm<float>(bool, bool, Index, Index, Index, const float*, Index, const float*, Index, float,
                                 float*, Index, const Epilogue<float>*);
extern template void gemm<double>(bool, bool, Index, Index, Index, const double*, Index, const double*, Index, double,
                                  double*, Index, const Epilogue<double>*);

}  // namespace ranvier::kernels
