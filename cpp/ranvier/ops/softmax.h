// Softmax and its relatives over one axis.
#pragma once

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

/// The result remembers its logits, so that a cross-entropy computed from it uses the stable fused form.
Tensor softmax(const Tensor& x, Index axis = -1);
Tensor log_softmax(const Tensor& x, Index axis = -1);
Tensor sparsemax(const Tensor& x, Index axis = -1);

/// Notes that `probabilities` are `kind` of `logits`.
enum class Squash { softmax, sigmoid };
void remember_logits(const Tensor& probabilities, Squash kind, const Tensor& logits);
/// The logits `probabilities` were made from by `kind`; undefined when unknown.
Tensor logits_of(const Tensor& probabilities, Squash kind);

}  // namespace ranvier::ops
