#include "ranvier/nn/fusion.h"

#include <limits>

namespace ranvier::nn {
namespace {

using ops::Unary;

/// The ceiling when f is a ReLU, with or without one.
ops::Ceiling ceiling_of(const Pointwise& f) {
  if (f.function == Unary::relu) return std::numeric_limits<double>::infinity();
  if (f.function == Unary::relu6) return 6;
  if (f.function == Unary::clip && f.args.a == 0 && f.args.b > 0) return f.args.b;
  return {};
}

}  // namespace

Fusion::Fusion(Layer& layer)
    : layer_(&layer), product_(dynamic_cast<ProductLayer*>(&layer)), norm_(dynamic_cast<NormalizingLayer*>(&layer)) {
  if (const auto* function = dynamic_cast<const PointwiseLayer*>(&layer)) pointwise_ = function->pointwise();
}

bool Fusion::may_take(const Fusion& next) const {
  // A penalty on what is between the two would need it.
  if (layer_->penalized() || next.layer_->penalized() || layer_->dtype() != next.layer_->dtype()) return false;
  if (product_ != nullptr && product_->open()) {
    if (next.norm_ != nullptr) return product_->foldable();
    // A sigmoid's own op notes what it was computed from, which a cross-entropy then reads.
    return next.pointwise_ && next.pointwise_->function != Unary::sigmoid;
  }
  return norm_ != nullptr && next.pointwise_ && ceiling_of(*next.pointwise_);
}

// Folding reads and writes the weights, normalising reads and writes the result: the larger part decides.
bool Fusion::folds(const Fusion& next, const Tensor& x, bool training) const {
  if (grad_enabled() || next.norm_->uses_batch(training)) return false;
  if (!next.norm_->normalizes(product_->channel_axis(x.rank()), x.rank())) return false;
  return layer_->output_shape(x.shape()).numel() > product_->weights().kernel.numel();
}

std::size_t Fusion::run(std::span<const Stage> stages, std::span<const Fusion> fusions, Tensor& x, Context& context) {
  const Fusion& first = fusions[0];
  // Masks and streams are the business of every layer alone.
  if (!first.layer_->built() || x.has_mask() || context.stream != nullptr) return 0;
  const auto training = [&](std::size_t i) { return stages[i].training.value_or(context.training); };
  std::size_t count = 1;
  const auto takes_next = [&] { return count < fusions.size() && first.may_take(fusions[count]); };
  if (first.product_ == nullptr) {
    if (!takes_next()) return 0;
    const auto normalized = [&] {
      const TrainingScope scope(context, stages[0].training);
      return first.norm_->normalize(x, context, ceiling_of(*fusions[1].pointwise_));
    };
    x = first.layer_->run_instead(x, [&normalized] { return normalized(); });
    return 2;
  }
  const NormalizingLayer* norm = nullptr;
  if (takes_next() && fusions[1].norm_ != nullptr) {
    if (!fusions[1].layer_->built() || !first.folds(fusions[1], x, training(1))) return 0;
    norm = fusions[1].norm_;
    ++count;
  }
  Pointwise f;
  if (takes_next() && fusions[count].pointwise_) f = *fusions[count++].pointwise_;
  if (count == 1) return 0;
  const auto product = [&] {
    const ops::Weights own = first.product_->weights();
    return first.product_->multiply(x, norm == nullptr ? own : norm->folded(own), f);
  };
  x = first.layer_->run_instead(x, [&product] { return product(); });
  return count;
}

}  // namespace ranvier::nn
