// Pooling over the spatial axes of x (batch, spatial…, channels): one, two or three of them.
#pragma once

#include <vector>

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

/// Windows of `size` elements `strides` apart, one number per spatial axis. With `same`, ⌈in/stride⌉ windows, of which
/// those at the ends may reach beyond x, where nothing counts; else only windows within x.
struct Pooling {
  std::vector<Index> size;
  std::vector<Index> strides;
  bool same = false;
};

/// The shape both poolings give; unknown sizes (-1) stay unknown. ValueError when a window does not fit.
Shape pooled_shape(const Shape& x, const Pooling& pooling, const char* name = "pool");

Tensor max_pool(const Tensor& x, const Pooling& pooling);
/// The mean of the elements that exist.
Tensor average_pool(const Tensor& x, const Pooling& pooling);

/// To output_size windows per axis: window o reaches from ⌊o·in/out⌋ to ⌈(o + 1)·in/out⌉.
Shape adaptive_shape(const Shape& x, const std::vector<Index>& output_size, const char* name = "adaptive_pool");
Tensor adaptive_max_pool(const Tensor& x, const std::vector<Index>& output_size);
Tensor adaptive_average_pool(const Tensor& x, const std::vector<Index>& output_size);

}  // namespace ranvier::ops
