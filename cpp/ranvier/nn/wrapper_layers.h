// Layers around other layers.
#pragma once

#include "ranvier/nn/keyword_layer.h"

namespace ranvier::nn {

/// A KeywordLayer whose weights are those of the layers inside. Its config nests their records, as Keras's does.
class WrapperLayer : public KeywordLayer {
 public:
  /// `keys`: what each layer inside is called in the config; a single key for a list of them ends with "s".
  WrapperLayer(const io::Json& config, const char* class_name, std::vector<Ref<Layer>> inner,
               std::vector<const char*> keys);

  io::Json config() const override;
  std::vector<Ref<Layer>> sublayers() const override { return inner_; }
  Extent extent() const override { return extent_; }
  Parameters parameters() const override;
  void set_trainable(bool trainable) override;
  std::vector<Generator*> generators() override;
  bool replayable() const override;

 protected:
  Layer& inner(std::size_t i) const { return *inner_[i]; }
  const std::vector<Ref<Layer>>& inner() const { return inner_; }
  /// x, or another handle on it with this mask when there is one.
  static Tensor with_mask(const Tensor& x, const Tensor& mask);

 private:
  std::vector<Ref<Layer>> inner_;
  std::vector<const char*> keys_;
  Extent extent_{1, 0};
};

/// The layers in a config's records.
std::vector<Ref<Layer>> inner_layers(const io::Json& config, const std::vector<const char*>& keys);

/// A wrapper by Keras's class name around layers that exist; `config` need not nest them.
Ref<Layer> wrap(const std::string& class_name, const io::Json& config, std::vector<Ref<Layer>> inner);
/// The same for those around cells (RNN, StackedRNNCells); null for others.
Ref<Layer> wrap_cells(const std::string& class_name, const io::Json& config, const std::vector<Ref<Layer>>& inner);

}  // namespace ranvier::nn
