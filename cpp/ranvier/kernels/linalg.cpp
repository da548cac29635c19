#include "ranvier/kernels/linalg.h"

#include <algorithm>

#include "ranvier/kernels/eigen.h"
// After eigen.h, which silences what gcc says about Eigen and the intrinsics.
#include <Eigen/QR>

namespace ranvier::kernels {

void orthonormalize(Index m, Index n, double gain, double* a) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  if (m == 0 || n == 0) return;
  Eigen::Map<Matrix> out(a, m, n);
  const bool wide = m < n;
  const Matrix tall = wide ? Matrix(out.transpose()) : Matrix(out);
  const Eigen::HouseholderQR<Matrix> qr(tall);
  Matrix q = qr.householderQ() * Matrix::Identity(tall.rows(), tall.cols());
  for (Index j = 0; j < q.cols(); ++j) {
    if (qr.matrixQR()(j, j) < 0) q.col(j) *= -1;
  }
  if (wide) {
    out = gain * q.transpose();
  } else {
    out = gain * q;
  }
}

}  // namespace ranvier::kernels
