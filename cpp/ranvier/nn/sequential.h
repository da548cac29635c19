// A stack of layers, itself a layer.
#pragma once

#include "ranvier/nn/run.h"

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

  io::Json config() const override;
  DType dtype() const override;
  DType input_dtype(bool integral) const override;
  Shape output_shape(const Shape& input) const override { return run_.output_shape(input); }
  std::vector<Ref<Layer>> sublayers() const override { return layers_; }
  Extent extent() const override { return extent_; }
  Parameters parameters() const override { return parameters_of(layers_); }
  bool streams() const override { return true; }  // its layers say for themselves
  Tensor mask_for(const Tensor& /*x*/, const Tensor& y) const override { return y.mask(); }
  void set_trainable(bool trainable) override;
  std::vector<Generator*> generators() override { return generators_of(layers_); }
  bool replayable() const override { return nn::replayable(layers_); }

 protected:
  void make_parameters(const Shape& input) override { run_.build(input); }
  Tensor call(const Tensor& x, Context& context) override { return run_(x, context); }

 private:
  Run run_;
  Extent extent_{1, 0};
  std::vector<Ref<Layer>> layers_;
};

}  // namespace ranvier::nn
