// Depthwise convolution, the case groups == channels_in of conv.h, which sends it here.
#pragma once

#include "ranvier/kernels/conv.h"

namespace ranvier::kernels {

template <class T>
void depthwise_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue);
template <class T>
void depthwise_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                              const Epilogue<T>* epilogue);
template <class T>
void depthwise_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate);

}  // namespace ranvier::kernels
