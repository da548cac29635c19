#include "ranvier/kernels/conv_depthwise.h"

#include "ranvier/kernels/conv_simple.h"

namespace ranvier::kernels {

template <class T>
void depthwise_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue) {
  conv_detail::simple_forward(g, x, w, y, epilogue);
}

template <class T>
void depthwise_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                              const Epilogue<T>* epilogue) {
  conv_detail::simple_input_gradient(g, dy, w, dx, accumulate, epilogue);
}

template <class T>
void depthwise_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate) {
  conv_detail::simple_weight_gradient(g, x, dy, dw, accumulate);
}

#define RANVIER_INSTANTIATE(T)                                                                                      \
  template void depthwise_forward<T>(const ConvGeometry&, const T*, const T*, T*, const Epilogue<T>*);              \
  template void depthwise_input_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool, const Epilogue<T>*); \
  template void depthwise_weight_gradient<T>(const ConvGeometry&, const T*, const T*, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
