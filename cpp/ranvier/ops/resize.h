// Images x (batch, spatial…, channels) in another size.
#pragma once

#include <string>
#include <vector>

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/resize.h"

namespace ranvier::ops {

using kernels::Interpolation;

/// "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5"; ValueError otherwise.
Interpolation interpolation_from(const std::string& name);

/// Resamples the axes from the second on to `size`, one axis after the other; the last axis (channels) is never resized.
/// antialias widens the filter where an axis shrinks.
Tensor resize(const Tensor& x, const std::vector<Index>& size, Interpolation method, bool antialias = false);

/// The largest part in the middle of the images x (batch, height, width, channels) with the proportions height : width.
Tensor central_part(const Tensor& x, Index height, Index width);

/// Every element `factors` times along the spatial axes: [a, a, b, b].
Tensor upsample_nearest(const Tensor& x, const std::vector<Index>& factors);

}  // namespace ranvier::ops
