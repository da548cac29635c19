// The three products for dense and grouped convolution; conv.cpp chooses between these and the special cases. Each
// returns false, with nothing done, for geometries that are left to plain loops: taps very far outside of x, long strides.
#pragma once

#include "ranvier/kernels/conv_correlation.h"
#include "ranvier/kernels/gemm_pack.h"

namespace ranvier::kernels::conv_detail {

template <class T>
bool dense_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue);
template <class T>
bool dense_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                          const Epilogue<T>* epilogue);
template <class T>
bool dense_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate);

/// Output o and tap t of the forward pass.
inline Axes forward_axes(const ConvGeometry& g) {
  Axes axes{};
  for (std::size_t a = 0; a < 3; ++a) axes[a] = {g.out[a], g.stride[a], g.kernel[a], -g.before[a], g.dilation[a]};
  return axes;
}

/// Memory for weights in panels of two vectors, `columns` wide in all, `rows` high.
template <class T>
struct Panels {
  Index count;
  Index width;
  Index last_width;  ///< one vector when that is enough
  Index columns;

  explicit Panels(Index n)
      : count((n + 2 * gemm_detail::width<T> - 1) / (2 * gemm_detail::width<T>)),
        width(2 * gemm_detail::width<T>),
        last_width(n - (count - 1) * width > gemm_detail::width<T> ? width : gemm_detail::width<T>),
        columns(n) {}
  Index width_of(Index panel) const { return panel + 1 == count ? last_width : width; }
  Index columns_of(Index panel) const { return std::min(columns - panel * width, width); }
  Index elements(Index rows) const { return ((count - 1) * width + last_width) * rows; }
  Weights<T> packed(const T* data, Index rows) const { return {data, width * rows, width, last_width}; }
};

}  // namespace ranvier::kernels::conv_detail
