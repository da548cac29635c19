// How weights start.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/io/json.h"

namespace ranvier::nn {

/// A tensor filled by the initialiser `spec` = {"class_name": "GlorotUniform", "config": {"seed": 1}} (or the bare class
/// name). Without a seed the draw comes from the default generator. ValueError for an unknown name or a shape it cannot
/// fill. Those that scale by the numbers of inputs and outputs find them in the shape, or are told them: fans (in, out).
Tensor initialize(const io::Json& spec, const Shape& shape, DType dtype, const Shape& fans = {});

}  // namespace ranvier::nn
