// Batch and layer normalisation.
#pragma once

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

struct NormParams {
  Tensor gamma;  ///< scale, may be undefined
  Tensor beta;   ///< shift, may be undefined
};

/// What a batch looked like, per channel.
struct Moments {
  Tensor mean;
  Tensor variance;
};

/// Training form: normalises by the statistics of the batch over all axes but `axis`, and tells them. With relu, max(y, 0)
/// in the same passes.
Tensor batch_norm_train(const Tensor& x, Index axis, double epsilon, const NormParams& params,
                        Moments* statistics = nullptr, bool relu = false);
/// moving = momentum·moving + (1−momentum)·fresh, in place.
void move_average(const Tensor& moving, const Tensor& fresh, double momentum);
/// Inference form: normalises by the given statistics.
Tensor batch_norm_infer(const Tensor& x, Index axis, double epsilon, const NormParams& params, const Tensor& mean,
                        const Tensor& variance, bool relu = false);
/// Normalises over the trailing axes from `first_axis` on; gamma and beta have their shape.
Tensor layer_norm(const Tensor& x, int first_axis, double epsilon, const NormParams& params);

}  // namespace ranvier::ops
