// x[key] for tensors.
#pragma once

#include "bindings.h"

namespace ranvier::bindings {

/// NumPy's basic indexing (integers, slices, None, ...) and one integer or boolean array; gradients flow through all but
/// the boolean form's choice of rows. IndexError when out of range.
Tensor get_item(const Tensor& x, const py::object& key);

}  // namespace ranvier::bindings
