#include "ranvier/kernels/conv.h"

#include "ranvier/kernels/conv_depthwise.h"
#include "ranvier/kernels/conv_simple.h"

namespace ranvier::kernels {
namespace {

// With one group and one channel the ordinary kernels are the better ones.
bool depthwise(const ConvGeometry& g) { return g.groups > 1 && g.groups == g.channels_in; }

}  // namespace

template <class T>
void conv_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue) {
  if (g.batch * g.pixels_out() * g.channels_out == 0) return;
  if (depthwise(g)) return depthwise_forward(g, x, w, y, epilogue);
  conv_detail::simple_forward(g, x, w, y, epilogue);
}

template <class T>
void conv_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                         const Epilogue<T>* epilogue) {
  if (g.batch * g.pixels_in() * g.channels_in == 0) return;
  if (depthwise(g)) return depthwise_input_gradient(g, dy, w, dx, accumulate, epilogue);
  conv_detail::simple_input_gradient(g, dy, w, dx, accumulate, epilogue);
}

template <class T>
void conv_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate) {
  if (g.taps() * g.channels_in * g.channels_out == 0) return;
  if (depthwise(g)) return depthwise_weight_gradient(g, x, dy, dw, accumulate);
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
