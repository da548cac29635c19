// Layers whose calls take more than their inputs: further tensors by name (initial states, masks), and options.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/nn/layer.h"

namespace ranvier::nn {

/// How a call differs from layer(x): what each of its tensors is for, by Keras's name of the argument (repeated where the
/// argument is a list), and options that are plain values: {"use_causal_mask": true}.
struct Call {
  std::vector<std::string> arguments = {};
  io::Json options = io::Json::Object{};

  bool plain() const { return arguments.empty() && options.size() == 0; }
  /// The tensor (or shape) given for an argument; undefined (empty) when there is none.
  Tensor find(const Tensors& xs, std::string_view argument) const;
  const Shape* find(const Shapes& shapes, std::string_view argument) const;
  /// All that were given for it.
  Tensors all(const Tensors& xs, std::string_view argument) const;
  Shapes all(const Shapes& shapes, std::string_view argument) const;
  bool flag(std::string_view option, bool otherwise) const { return options.flag(option, otherwise); }
};

/// layer(x) and layer([x, y]) are calls whose tensors have the first names.
class KeywordLayer : public MultiLayer {
 public:
  using MultiLayer::MultiLayer;
  /// What tensors can be for, in the order of Keras's signature.
  virtual std::vector<std::string> argument_names() const = 0;
  virtual std::vector<std::string> option_names() const { return {}; }
  /// The dtype a tensor for this argument is brought to.
  virtual DType argument_dtype(std::string_view argument, bool integral) const;
  DType input_dtype_at(std::size_t input, bool integral) const override;
  /// ValueError unless `call` names arguments and options that there are.
  void check_call(const Call& call) const;
  /// The call that positions alone make.
  const Call& positional(std::size_t count) const;

  /// As Layer::build, for this kind of call.
  void build_for(const Call& call, const Shapes& inputs);

  virtual std::size_t outputs(const Call& /*call*/) const { return 1; }
  virtual Shapes output_shapes(const Call& call, const Shapes& inputs) const = 0;
  std::size_t outputs() const override { return outputs(Call{}); }
  Shapes output_shapes(const Shapes& inputs) const override { return output_shapes(positional(inputs.size()), inputs); }

 protected:
  friend class BoundCall;
  virtual void make_parameters(const Call& /*call*/, const Shapes& /*inputs*/) {}
  /// Throws when the built layer cannot take these shapes.
  virtual void check_inputs(const Call& /*call*/, const Shapes& /*inputs*/) const {}
  virtual Tensors call(const Call& call, const Tensors& xs, Context& context) = 0;

  void make_all_parameters(const Shapes& inputs) override { make_parameters(positional(inputs.size()), inputs); }
  void check_inputs(const Shapes& inputs) const override { check_inputs(positional(inputs.size()), inputs); }
  Tensor call(const Tensor& x, Context& context) override;
  Tensors call_all(const Tensors& xs, Context& context) override { return call(positional(xs.size()), xs, context); }

 private:
  mutable std::once_flag known_;
  mutable std::vector<Call> positional_;  ///< of 0, 1, … tensors; for these are looked up in every step
};

/// The same layer, called in one particular way; the layer itself for a plain call. ValueError when it takes no such
/// arguments.
Ref<Layer> bind(const Ref<Layer>& layer, const Call& call);

}  // namespace ranvier::nn
