// A run: layers one after the other, each the only reader of the one before it. What a Sequential is, and what a Graph is
// cut into; whatever computes neighbours together does it here.
#pragma once

#include <optional>

#include "ranvier/nn/fusion.h"

namespace ranvier::nn {

class Run {
 public:
  void add(Stage stage);
  const std::vector<Stage>& stages() const { return stages_; }

  /// Makes the parameters of all layers; the shape that comes out.
  Shape build(Shape shape) const;
  Shape output_shape(Shape shape) const;
  /// What was read by the layer before is freed before the next one runs, x too when the caller gives it away.
  Tensor operator()(Tensor x, Context& context) const;

 private:
  std::vector<Stage> stages_;
  std::vector<Fusion> fusions_;  ///< of each stage
  std::vector<bool> leads_;      ///< of each stage: it may take the next one
};

/// The masks that the layers inside of a model have given to its outputs.
inline Tensors masks_within(const Tensors& ys) {
  Tensors masks;
  for (const Tensor& y : ys) masks.push_back(y.mask());
  return masks;
}
// What models say of the layers they are made of.
Parameters parameters_of(const std::vector<Ref<Layer>>& layers);
std::vector<Generator*> generators_of(const std::vector<Ref<Layer>>& layers);
bool replayable(const std::vector<Ref<Layer>>& layers);
/// The extent of the model `name` with one more call. ValueError when models are nested so deep, or repeat each other so often, that calling them would not end well.
Extent extended(Extent all, const Layer& layer, const std::string& name);
/// Every weight with the name it has in files, and with its other names when it can be reached on several ways:
/// "dense/kernel", and "block/dense/kernel" inside a model.
std::vector<std::pair<std::string, Ref<Parameter>>> named_parameters(const Layer& model);

}  // namespace ranvier::nn
