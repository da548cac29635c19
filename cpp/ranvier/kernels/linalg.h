// Dense linear algebra beyond products.
#pragma once

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// Replaces the m×n row-major matrix of independent normal draws by gain times a uniformly distributed matrix with
/// orthonormal columns (m >= n) or rows (m < n): Q of its QR factorisation, with the signs of R's diagonal
/// (Saxe et al. 2014).
void orthonormalize(Index m, Index n, double gain, double* a);

}  // namespace ranvier::kernels
