// Losses: one value per sample (the last axis is averaged or summed), then a weighted mean.
#pragma once

#include <optional>

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/pointwise_loss.h"

namespace ranvier::ops {

using kernels::LossArgs;
using kernels::PointwiseLoss;

/// Mean over the last axis (sum for kl_divergence) of the loss of prediction and target, which have the same shape up to
/// a last axis of 1: (n,) and (n, 1) mean the same and never broadcast. Shape: the prediction's without its last axis.
/// No gradient flows to the target. binary_cross_entropy on a sigmoid with known logits is computed from the logits.
Tensor pointwise_loss(PointwiseLoss kind, const Tensor& prediction, const Tensor& target, LossArgs args = {});

/// −Σ t·log p over `axis` (last): p logits or probabilities, t probabilities of the same shape.
Tensor categorical_cross_entropy(const Tensor& prediction, const Tensor& target, bool from_logits,
                                 double label_smoothing = 0);
/// −log p[label] with integer labels (float labels with integer values are cast), of the prediction's shape without its
/// last axis or with 1 there.
Tensor sparse_categorical_cross_entropy(const Tensor& prediction, const Tensor& label, bool from_logits,
                                        std::optional<Index> ignore_class = {});

/// Σ weight·loss / number of elements (weight undefined: mean): Keras's "sum_over_batch_size". A scalar.
/// weight has the loss's shape, or (batch,), or (batch, 1, …).
Tensor weighted_mean(const Tensor& loss, const Tensor& weight);
/// Σ weight·loss.
Tensor weighted_sum(const Tensor& loss, const Tensor& weight);

/// l1·Σ|w| + l2·Σw²: a scalar.
Tensor l1l2_penalty(const Tensor& w, double l1, double l2);

}  // namespace ranvier::ops
