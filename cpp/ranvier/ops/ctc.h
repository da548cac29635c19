// Connectionist temporal classification: learning and reading labels whose times are not known.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::ops {

/// −log p(labels | logits) of each sample, (batch,), for logits (batch, time, classes), labels (batch, most) of which the
/// first lengths (batch,) count, and the first `steps` (batch,) rows of the logits. Infinite where no alignment exists;
/// the gradient is 0 there. Integers of any kind.
Tensor ctc_loss(const Tensor& labels, const Tensor& logits, const Tensor& lengths, const Tensor& steps, Index blank);

/// The likeliest label sequences: int32 (top, batch, time) filled up with −1, and log-probabilities (batch, top).
std::pair<Tensor, Tensor> ctc_beam_search(const Tensor& logits, const Tensor& steps, Index width, Index top,
                                          Index blank);

}  // namespace ranvier::ops
