#include "ranvier/kernels/conv.h"

#include <algorithm>

#include "ranvier/kernels/conv_dense.h"
#include "ranvier/kernels/conv_depthwise.h"
#include "ranvier/kernels/conv_simple.h"

namespace ranvier::kernels {
namespace {

// With one group and one channel the ordinary kernels are the better ones.
bool depthwise(const ConvGeometry& g) { return g.groups > 1 && g.groups == g.channels_in; }

// The register tiles want something to multiply; without, the plain loops write zeros.
bool empty(const ConvGeometry& g) {
  // One by one: the product of sizes that exist may exceed 64 bits.
  return std::min({g.batch, g.pixels_in(), g.pixels_out(), g.channels_in, g.channels_out, g.taps()}) == 0;
}

// y is a product of matrices: one tap, which meets every pixel.
bool pointwise(const ConvGeometry& g) {
  constexpr ConvGeometry::Sizes ones{1, 1, 1};
  return g.groups == 1 && g.kernel == ones && g.stride == ones && g.before == ConvGeometry::Sizes{} && g.in == g.out;
}

// Axes of one pixel at the end, moved to the front: lines along the last axis are what tiles are cut from.
ConvGeometry turned(ConvGeometry g) {
  for (int i = 0; i < 2 && g.in[2] == 1 && g.out[2] == 1 && g.kernel[2] == 1 && g.before[2] == 0; ++i) {
    for (ConvGeometry::Sizes* s : {&g.in, &g.out, &g.kernel, &g.stride, &g.dilation, &g.before}) {
      *s = {(*s)[2], (*s)[0], (*s)[1]};
    }
  }
  return g;
}

}  // namespace

template <class T>
void conv_forward(const ConvGeometry& geometry, const T* x, const T* w, T* y, const Epilogue<T>* epilogue) {
  if (geometry.batch * geometry.pixels_out() * geometry.channels_out == 0) return;
  if (depthwise(geometry)) return depthwise_forward(geometry, x, w, y, epilogue);
  const ConvGeometry g = turned(geometry);
  if (pointwise(g)) {
    return gemm<T>(false, false, g.batch * g.pixels_out(), g.channels_out, g.channels_in, x, g.channels_in, w,
                   g.channels_out, T(0), y, g.channels_out, epilogue);
  }
  if (!empty(g) && conv_detail::dense_forward(g, x, w, y, epilogue)) return;
  conv_detail::simple_forward(g, x, w, y, epilogue);
}

template <class T>
void conv_input_gradient(const ConvGeometry& geometry, const T* dy, const T* w, T* dx, bool accumulate,
                         const Epilogue<T>* epilogue) {
  if (geometry.batch * geometry.pixels_in() * geometry.channels_in == 0) return;
  if (depthwise(geometry)) return depthwise_input_gradient(geometry, dy, w, dx, accumulate, epilogue);
  const ConvGeometry g = turned(geometry);
  if (pointwise(g)) {
    return gemm<T>(false, true, g.batch * g.pixels_in(), g.channels_in, g.channels_out, dy, g.channels_out, w,
                   g.channels_out, T(accumulate ? 1 : 0), dx, g.channels_in, epilogue);
  }
  if (!empty(g) && conv_detail::dense_input_gradient(g, dy, w, dx, accumulate, epilogue)) return;
  conv_detail::simple_input_gradient(g, dy, w, dx, accumulate, epilogue);
}

template <class T>
void conv_weight_gradient(const ConvGeometry& geometry, const T* x, const T* dy, T* dw, bool accumulate) {
  if (geometry.taps() * geometry.channels_in * geometry.channels_out == 0) return;
  if (depthwise(geometry)) return depthwise_weight_gradient(geometry, x, dy, dw, accumulate);
  const ConvGeometry g = turned(geometry);
  if (!empty(g) && conv_detail::dense_weight_gradient(g, x, dy, dw, accumulate)) return;
  conv_detail::simple_weight_gradient(g, x, dy, dw, accumulate);
}

#define RANVIER_INSTANTIATE(T)                                                                                 \
  template void conv_forward<T>(const ConvGeometry&, const T*, const T*, T*, const Epilogue<T>*);              \
  template void conv_input_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool, const Epilogue<T>*); \
  template void conv_weight_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
