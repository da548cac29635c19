// Normalisation over the batch, over axes of each sample, and over groups of channels.
#pragma once

#include <functional>
#include <optional>
#include <vector>

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

/// A ReLU in the same passes: min(max(y, 0), ceiling); absent: y as it is.
using Ceiling = std::optional<double>;

/// Training form: normalises by the statistics of the batch over all axes but `axis`, and tells them.
Tensor batch_norm_train(const Tensor& x, Index axis, double epsilon, const NormParams& params,
                        Moments* statistics = nullptr, Ceiling relu = {});
/// moving = momentum·moving + (1−momentum)·fresh, in place.
void move_average(const Tensor& moving, const Tensor& fresh, double momentum);
/// Inference form: normalises by the given statistics.
Tensor batch_norm_infer(const Tensor& x, Index axis, double epsilon, const NormParams& params, const Moments& moving,
                        Ceiling relu = {});

/// What a product is made with.
struct Weights {
  Tensor kernel;  ///< (…, channels): its last axes run over the channels of the result
  Tensor bias;    ///< (channels), may be undefined
};
/// Weights whose product is the product of these, normalised by batch_norm_infer; no gradient flows through them.
Weights fold_norm(const Weights& weights, double epsilon, const NormParams& params, const Moments& moving);

/// Normalises over the trailing axes from `first_axis` on; gamma and beta have their shape.
Tensor layer_norm(const Tensor& x, int first_axis, double epsilon, const NormParams& params);
/// x·gamma/√(mean of x² + ε) over the trailing axes from `first_axis` on; gamma, which has their shape, may be undefined.
Tensor rms_norm(const Tensor& x, int first_axis, double epsilon, const Tensor& gamma);
/// x divided by its length over the trailing axes from `first_axis` on, or by `least` when that is more.
Tensor unit_norm(const Tensor& x, int first_axis, double least);
/// f(x, first trailing axis) for any axes: those named are moved behind the others, in order, and back again.
Tensor over_axes(const Tensor& x, const std::vector<Index>& axes, const std::function<Tensor(const Tensor&, int)>& f);

/// Normalises each of `groups` runs of channels (`axis`) of every sample over all axes but the first (Wu & He 2018).
Tensor group_norm(const Tensor& x, Index groups, Index axis, double epsilon, const NormParams& params);

}  // namespace ranvier::ops
