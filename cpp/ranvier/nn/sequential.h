// A stack of layers, itself a layer.
#pragma once

#include "ranvier/nn/layer.h"

namespace ranvier::nn {

class Sequential final : public Layer {
 public:
  /// Reads "name" and, when present, "layers": [{"class_name", "config"}, …] as Keras's get_config gives them.
  explicit Sequential(const io::Json& config = io::Json(io::Json::Object{}));
  Sequential(const std::string& name, std::vector<Ref<Layer>> layers);

  void add(Ref<Layer> layer);
  /// add("Dense", {{"units", 8}, {"activation", "tanh"}}); names layers that have none "dense", "dense_1" ….
  void add(const std::string& class_name, io::Json::Object config);
  const std::vector<Ref<Layer>>& layers() const { return layers_; }

  /// Inference on a batch, without history.
  Tensor predict(const Tensor& x);

  io::Json config() const override;
  DType dtype() const override;
  DType input_dtype(bool integral) const override;
  Shape output_shape(const Shape& input) const override;
  Parameters parameters() const override;
  void set_trainable(bool trainable) override;
  std::vector<Generator*> generators() override;
  bool replayable() const override;

 protected:
  void make_parameters(const Shape& input) override;
  Tensor call(const Tensor& x, Context& context) override;

 private:
  std::vector<Ref<Layer>> layers_;
};

}  // namespace ranvier::nn
