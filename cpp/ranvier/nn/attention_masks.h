// Masks that attention layers are called with, brought to the forms of ops::AttentionMasks.
#pragma once

#include "ranvier/nn/layer.h"
#include "ranvier/ops/attention.h"

namespace ranvier::nn {

/// A mask of time steps as (batch, steps); ValueError naming `argument` when it is another size. Undefined stays so.
Tensor step_mask(const Layer& layer, const char* argument, const Tensor& mask, Index batch, Index steps);

/// attention_mask, broadcastable to (batch, heads, queries, keys), to (batch, queries, keys), or to (queries, keys) as rank 4.
Tensor pair_mask(const Layer& layer, const Tensor& mask, Index batch, Index heads, Index queries, Index keys);

/// Where both are true; an undefined one hides nothing.
Tensor both(const Tensor& a, const Tensor& b);

}  // namespace ranvier::nn
