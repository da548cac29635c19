// Neighbours in a run that compute together: a product takes the batch normalisation (in inference, folded into its
// weights) and the activation behind it, a batch normalisation takes a ReLU. Results are those of the layers one by one
// but for rounding where a normalisation is folded.
#pragma once

#include <optional>
#include <span>

#include "ranvier/nn/layer.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/norm.h"

namespace ranvier::nn {

/// An elementwise function with its constants.
struct Pointwise {
  ops::Unary function = ops::Unary::identity;
  ops::UnaryArgs args{};
};

/// A layer that applies one elementwise function, and nothing else.
class PointwiseLayer {
 public:
  virtual ~PointwiseLayer() = default;
  /// Absent when its config asks for more.
  virtual std::optional<Pointwise> pointwise() const = 0;
};

/// A layer that normalises channels.
class NormalizingLayer {
 public:
  virtual ~NormalizingLayer() = default;
  /// Whether it would use the statistics of the batch.
  virtual bool uses_batch(bool training) const = 0;
  /// Whether the channels it normalises are on this axis.
  virtual bool normalizes(int axis, int rank) const = 0;
  virtual Tensor normalize(const Tensor& x, Context& context, ops::Ceiling relu) = 0;
  /// Weights of a product with this layer, as it works in inference, behind it.
  virtual ops::Weights folded(const ops::Weights& weights) const = 0;
};

/// A layer y = f(product of x and its weights).
class ProductLayer {
 public:
  virtual ~ProductLayer() = default;
  /// Whether f is the identity, so that others may come in its place.
  virtual bool open() const = 0;
  virtual int channel_axis(int rank) const = 0;
  virtual ops::Weights weights() const = 0;
  /// Whether the last axes of the kernel run over the channels of y.
  virtual bool foldable() const { return true; }
  virtual Tensor multiply(const Tensor& x, const ops::Weights& weights, const Pointwise& f) = 0;
};

/// One call of a layer.
struct Stage {
  Ref<Layer> layer;
  std::optional<bool> training;  ///< says it for this call and all inside it; else the surroundings do
};

/// While it lives, a context trains or does not, as a stage says.
class TrainingScope {
 public:
  TrainingScope(Context& context, std::optional<bool> training) : context_(context), previous_(context.training) {
    if (training) context.training = *training;
  }
  ~TrainingScope() { context_.training = previous_; }
  TrainingScope(const TrainingScope&) = delete;
  TrainingScope& operator=(const TrainingScope&) = delete;

 private:
  Context& context_;
  bool previous_;
};

/// What a layer can do together with its neighbours.
class Fusion {
 public:
  explicit Fusion(Layer& layer);

  /// Whether `next`, right behind this layer, may ever be computed together with it.
  bool may_take(const Fusion& next) const;

  /// Runs the first stage on x together with as many of those behind it as fit now, and replaces x by what comes out;
  /// how many they were. 0: the first one is to be run by itself.
  static std::size_t run(std::span<const Stage> stages, std::span<const Fusion> fusions, Tensor& x, Context& context);

 private:
  bool folds(const Fusion& norm, const Tensor& x, bool training) const;

  Layer* layer_;
  ProductLayer* product_;
  NormalizingLayer* norm_;
  std::optional<Pointwise> pointwise_;
};

}  // namespace ranvier::nn
