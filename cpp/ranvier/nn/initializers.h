// How weights start.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/io/json.h"

namespace ranvier::nn {

/// A tensor filled by the initialiser `spec` = {"class_name": "GlorotUniform", "config": {"seed": 1}} (or the bare class
/// name). Without a seed the draw comes from the default generator. ValueError for an unknown name or a shape it cannot
/// fill.
Tensor initialize(const io::Json& spec, const Shape& shape, DType dtype);

}  // namespace ranvier::nn
