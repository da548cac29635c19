// Convolution over one, two or three spatial axes, channels last: forward and both gradients.
#pragma once

#include <array>

#include "ranvier/kernels/gemm.h"

namespace ranvier::kernels {

/// Sizes of a convolution of x (batch, in…, channels_in) with a kernel (kernel…, channels_in/groups, channels_out) to
/// y (batch, out…, channels_out). Spatial axes are always three: those that are missing have size 1 and come first.
/// y[o] = Σ_t x[o·stride + t·dilation − before]·w[t]; what lies outside of x is zero. Output channel c belongs to group
/// c / (channels_out/groups). groups == channels_in is the depthwise convolution, whose Keras kernel
/// (kernel…, channels_in, multiplier) is the same array.
struct ConvGeometry {
  using Sizes = std::array<Index, 3>;
  Index batch = 1;
  Index channels_in = 1;
  Index channels_out = 1;
  Index groups = 1;
  Sizes in{1, 1, 1};
  Sizes out{1, 1, 1};
  Sizes kernel{1, 1, 1};
  Sizes stride{1, 1, 1};
  Sizes dilation{1, 1, 1};
  Sizes before{0, 0, 0};  ///< zeros in front of x; those behind it follow from `out`

  Index taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  Index pixels_in() const { return in[0] * in[1] * in[2]; }
  Index pixels_out() const { return out[0] * out[1] * out[2]; }
};

/// y = conv(x, w), then the epilogue (a bias per output channel, an activation; ldc is channels_out).
template <class T>
void conv_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue = nullptr);

/// dx = (or +=) the gradient of x, from dy. It is also the transposed convolution's forward, hence the epilogue (a bias
/// per input channel), which must not come with accumulate.
template <class T>
void conv_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                         const Epilogue<T>* epilogue = nullptr);

/// dw = (or +=) the gradient of w.
template <class T>
void conv_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate);

#define RANVIER_EXTERN(T)                                                                                             \
  extern template void conv_forward<T>(const ConvGeometry&, const T*, const T*, T*, const Epilogue<T>*);              \
  extern template void conv_input_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool, const Epilogue<T>*); \
  extern template void conv_weight_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool);
RANVIER_EXTERN(float)
RANVIER_EXTERN(double)
#undef RANVIER_EXTERN

}  // namespace ranvier::kernels
