// Convolutions over one, two or three spatial axes, with a bias and an activation in the same pass.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/unary.h"

namespace ranvier::ops {

/// How a convolution walks over its input; one number per spatial axis, an empty list stands for ones.
struct ConvOptions {
  enum class Padding : std::uint8_t {
    valid,   ///< windows lie inside the input
    same,    ///< ceil(in/stride) windows, the zeros shared by both ends, the odd one behind (TensorFlow's rule)
    causal,  ///< as many, all zeros in front
    given    ///< `zeros`
  };
  std::vector<Index> strides;
  std::vector<Index> dilation;
  Padding padding = Padding::valid;
  std::vector<std::pair<Index, Index>> zeros;  ///< before and behind each axis
  std::vector<Index>
      output_padding;           ///< of conv_transpose: sizes added behind; empty: as many as stride and padding ask
  bool channels_first = false;  ///< (batch, channels, …) instead of (batch, …, channels)
  kernels::Unary activation = kernels::Unary::identity;
  kernels::UnaryArgs args{};
};

/// y = f(conv(x, kernel) + bias): x (batch, …, channels), kernel (window…, channels/groups, filters), bias (filters) or
/// undefined, y (batch, …, filters). The number of groups follows from the channels.
Tensor conv(const Tensor& x, const Tensor& kernel, const Tensor& bias, const ConvOptions& options = {});

/// Every channel with `multiplier` filters of its own: kernel (window…, channels, multiplier), bias (channels·multiplier).
Tensor depthwise_conv(const Tensor& x, const Tensor& kernel, const Tensor& bias, const ConvOptions& options = {});

/// depthwise_conv without bias, then a 1×1 convolution with pointwise (1…, channels·multiplier, filters) and bias.
Tensor separable_conv(const Tensor& x, const Tensor& depthwise, const Tensor& pointwise, const Tensor& bias,
                      const ConvOptions& options = {});

/// The gradient of conv with respect to its input, as an op: kernel (window…, filters, channels), y is larger than x by
/// the strides. Padding valid or same.
Tensor conv_transpose(const Tensor& x, const Tensor& kernel, const Tensor& bias, const ConvOptions& options = {});

/// "valid", "same" or "causal"; ValueError otherwise.
ConvOptions::Padding padding_from(const std::string& name);

/// The shape of conv's (conv_transpose's) result for x of this shape, of which sizes may be unknown (-1).
Shape conv_shape(const Shape& x, const std::vector<Index>& window, Index filters, const ConvOptions& options);
Shape conv_transpose_shape(const Shape& x, const std::vector<Index>& window, Index filters, const ConvOptions& options);

}  // namespace ranvier::ops
