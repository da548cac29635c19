// Where the windows of a convolution lie: Keras's padding rules as sizes.
#pragma once

#include "ranvier/kernels/conv.h"
#include "ranvier/ops/conv.h"

namespace ranvier::ops::detail {

/// The geometry for x (channels last, all sizes known) and a window; channels and groups are the caller's. For the
/// transposed convolution it is that of the convolution from y to x.
kernels::ConvGeometry conv_geometry(const Shape& x, const std::vector<Index>& window, const ConvOptions& options,
                                    bool transposed);

}  // namespace ranvier::ops::detail
