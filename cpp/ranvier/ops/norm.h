// Batch and layer normalisation.
#pragma once

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

struct NormParams {
  Tensor gamma;  ///< scale, may be undefined
  Tensor beta;   ///< shift, may be undefined
};

/// Training form: normalises by the statistics of the batch over all axes but `axis` and moves the running ones:
/// moving = momentum·moving + (1−momentum)·batch (recorded, in place). Undefined moving tensors are left alone.
Tensor batch_norm_train(const Tensor& x, Index axis, double epsilon, const NormParams& params,
                        const Tensor& moving_mean, const Tensor& moving_variance, double momentum);
/// Inference form: normalises by the given statistics.
Tensor batch_norm_infer(const Tensor& x, Index axis, double epsilon, const NormParams& params, const Tensor& mean,
                        const Tensor& variance);
/// Normalises over the trailing axes from `first_axis` on; gamma and beta have their shape.
Tensor layer_norm(const Tensor& x, int first_axis, double epsilon, const NormParams& params);

}  // namespace ranvier::ops
