// What the files of normalisation share.
#pragma once

#include "ranvier/ops/detail.h"

namespace ranvier::ops::detail {

inline void check_param(const char* name, const char* what, const Tensor& param, const Shape& shape, DType dtype) {
  if (!param.defined()) return;
  check(param.shape() == shape && param.dtype() == dtype, name, ": expected ", what, " of shape ", shape, " and dtype ",
        name_of(dtype), ", received ", param.shape(), " and ", name_of(param.dtype()));
}

template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

inline Tensor kept_or_none(const Tensor& x) { return x.defined() ? keep(x) : Tensor(); }

}  // namespace ranvier::ops::detail
