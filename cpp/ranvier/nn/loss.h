// Loss functions as objects: a value per sample, then the reduction.
#pragma once

#include <string>

#include "ranvier/autograd/node.h"
#include "ranvier/io/json.h"

namespace ranvier::nn {

class Loss : public RefCounted {
 public:
  /// Reads "name", "reduction" ("sum_over_batch_size", "mean", "sum", "none" or null).
  explicit Loss(const io::Json& config);

  /// The loss of one batch: a scalar unless the reduction is "none".
  Tensor operator()(const Tensor& target, const Tensor& prediction, const Tensor& weight) const;

  /// The dtype targets are brought to before the loss sees them.
  enum class Targets { floating, labels, as_given };
  virtual Targets targets() const { return Targets::floating; }
  virtual bool replayable() const { return true; }
  /// Whether per_sample deals with the prediction's mask itself.
  virtual bool reads_mask() const { return false; }
  const std::string& name() const { return name_; }

 protected:
  virtual Tensor per_sample(const Tensor& target, const Tensor& prediction) const = 0;
  /// 1 where one of the losses `each` counts in a mean, 0 where it does not; undefined when all do.
  virtual Tensor counted(const Tensor& target, const Tensor& each) const;

 private:
  enum class Reduction { mean, weighted_mean, sum, none };
  std::string name_;
  Reduction reduction_;
};

/// A loss from its Keras class name and config; ValueError otherwise.
Ref<Loss> make_loss(const std::string& class_name, const io::Json& config);

}  // namespace ranvier::nn
