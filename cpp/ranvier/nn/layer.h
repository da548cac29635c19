// The layer: named parameters plus a call made of ops.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ranvier/io/json.h"
#include "ranvier/nn/parameter.h"
#include "ranvier/ops/random.h"

namespace ranvier::nn {

using Tensors = std::vector<Tensor>;
using Shapes = std::vector<Shape>;

class Stream;

/// What a call knows about its surroundings.
struct Context {
  bool training = false;
  Stream* stream = nullptr;    ///< what layers go on from when a sequence comes piece by piece; null: it is whole
  std::vector<Tensor> losses;  ///< scalars that layers add to the loss (activity regularisers)
  using Effect = std::function<void()>;
  std::vector<Effect>* effects = nullptr;  ///< collects what must wait for a finite loss; null: nothing waits

  /// A change to the layer's state (moving averages) that belongs to the update of this step.
  void after_step(Effect effect) const {
    if (effects != nullptr) {
      effects->push_back(std::move(effect));
    } else {
      effect();
    }
  }

  /// Throws when the numbers of a step were wrong; `rows` are those of the data that made its batch, if any.
  using Check = std::function<void(std::span<const Index> rows)>;
  std::vector<Check>* checks = nullptr;  ///< collects what is asked after every step; null: asked at once

  /// A question to the step (was each index in the vocabulary?) that is asked before anything is updated.
  void check_step(Check question) const {
    if (checks != nullptr) {
      checks->push_back(std::move(question));
    } else {
      question({});
    }
  }
};

/// How much a layer is made of: models hold layers, and models.
struct Extent {
  int depth = 0;    ///< models inside each other
  Index calls = 1;  ///< of layers in one call
};

class Layer : public RefCounted {
 public:
  /// Reads "name", "trainable", "dtype" and "activity_regularizer"; every layer's config is Keras's get_config. One with
  /// "function": true stands for a function or operator, whose results carry no masks.
  explicit Layer(const io::Json& config);

  const std::string& name() const { return name_; }
  /// Keras's class name, by which make_layer found it.
  const std::string& class_name() const { return class_name_; }
  virtual io::Json config() const { return config_; }
  /// The dtype of its parameters and of what it computes.
  virtual DType dtype() const { return dtype_; }
  /// The dtype a batch is brought to before it gets here; layers that look up integers keep those.
  virtual DType input_dtype(bool /*integral*/) const { return dtype_; }
  /// The same of one input or output among several.
  virtual DType input_dtype_at(std::size_t /*input*/, bool integral) const { return input_dtype(integral); }
  virtual DType output_dtype_at(std::size_t /*output*/) const { return dtype(); }
  bool built() const { return built_; }
  const Shape& input_shape() const { return input_shapes_.front(); }
  const Shapes& input_shapes() const { return input_shapes_; }

  /// Makes the parameters for inputs of this shape (-1: unknown size). Once built, checks that the shape still fits.
  void build(const Shape& input);
  void build(const Shapes& inputs);
  /// The shape that call gives for inputs of this shape.
  virtual Shape output_shape(const Shape& input) const { return input; }
  /// The same for layers of several inputs or outputs; by default there is one of each.
  virtual Shapes output_shapes(const Shapes& inputs) const;
  /// How many outputs there are; 0 when only a call tells.
  virtual std::size_t outputs() const { return 1; }
  /// Whether Keras calls it on a list, also when there is one input only.
  virtual bool takes_list() const { return false; }
  /// Builds if needed, checks the input, runs the layer; errors start with "[name]".
  Tensor operator()(const Tensor& x, Context& context);
  Tensors operator()(const Tensors& xs, Context& context);
  /// The same for a built layer with f in place of its call: how it computes together with its neighbours (fusion.h).
  Tensor run_instead(const Tensor& x, const std::function<Tensor()>& f) const;
  /// Whether the mask of its input is that of its output.
  virtual bool supports_masking() const { return false; }
  /// The mask of the output y for an input x that has one; called after `call`, unless that has set one itself.
  virtual Tensor mask_for(const Tensor& x, const Tensor& y) const;
  /// The same for several inputs or outputs, of which at least one input has a mask.
  virtual Tensors masks_for(const Tensors& xs, const Tensors& ys) const;
  /// Whether it can be fed a sequence piece by piece: it treats every time step alone, or goes on from Context::stream.
  virtual bool streams() const { return supports_masking(); }
  /// Whether its output adds to the loss.
  bool penalized() const { return activity_l1_ != 0 || activity_l2_ != 0; }
  /// Inference on a batch, without history.
  Tensor predict(const Tensor& x);
  Tensors predict(const Tensors& xs);

  /// The layers it is made of, each once.
  virtual std::vector<Ref<Layer>> sublayers() const { return {}; }
  virtual Extent extent() const { return {}; }
  /// Trainable ones first, as Keras orders weights; each once.
  virtual Parameters parameters() const;
  Parameters trainable_parameters() const;
  virtual bool trainable() const { return trainable_; }
  virtual void set_trainable(bool trainable);

  /// The layer's own streams of random numbers: part of the saved state.
  virtual std::vector<Generator*> generators() { return {}; }
  /// What a stateful layer carries from batch to batch; empty when it carries nothing (yet).
  virtual Tensors states() const { return {}; }
  /// Replaces them, or makes them zero when given none.
  virtual void set_states(const Tensors& /*states*/) { reject("expected a stateful layer to set states of"); }
  /// Whether a recorded call may be replayed; false where Python takes part.
  virtual bool replayable() const { return true; }

 protected:
  virtual void make_parameters(const Shape& /*input*/) {}
  /// Throws when a built layer cannot take this shape; the default accepts everything.
  virtual void check_input(const Shape& /*input*/) const {}
  virtual Tensor call(const Tensor& x, Context& context) = 0;
  // The same for layers of several inputs or outputs (MultiLayer); by default only one input is taken.
  virtual void make_all_parameters(const Shapes& inputs);
  virtual void check_inputs(const Shapes& inputs) const;
  virtual Tensors call_all(const Tensors& xs, Context& context);

  /// Adds a parameter initialised as config[settings + "_initializer"] says (or `initializer`), with the penalty of
  /// config[settings + "_regularizer"]; `settings` is the name unless given ("": "initializer" alone); `fans` (in, out) if
  /// the shape does not tell them.
  Ref<Parameter> add_parameter(const std::string& name, const Shape& shape, const char* initializer,
                               bool trainable = true, const char* settings = nullptr, const Shape& fans = {});
  /// The config's member, or null when it is absent or null.
  const io::Json* option(std::string_view key) const { return config_.find(key); }
  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail("[", name_, "] ", parts...);
  }
  void set_built(const Shapes& inputs) {
    input_shapes_ = inputs;
    built_ = true;
  }
  /// For classes that are also made without make_layer.
  void set_class_name(const char* name) { class_name_ = name; }

 private:
  friend Ref<Layer> make_layer(const std::string& class_name, const io::Json& config);
  /// Runs f; puts "[name]" before its complaints.
  template <class F>
  auto attributed(const F& f) const;
  template <class T>
  const T& only(const std::vector<T>& inputs) const;
  void check_stream(const Context& context) const;
  void add_activity_loss(const Tensor& y, const Shape& input, Context& context) const;

  io::Json config_;
  std::string class_name_;
  std::string name_;
  DType dtype_;
  bool trainable_ = true;
  bool built_ = false;
  Shapes input_shapes_{Shape()};
  double activity_l1_ = 0;
  double activity_l2_ = 0;
  bool function_ = false;  ///< stands for a function or operator, which knows of no masks
  struct Owned {
    Ref<Parameter> parameter;
    bool trainable;  ///< when the layer is
  };
  std::vector<Owned> owned_;
};

/// A layer of several inputs or outputs: what it defines are the forms for lists.
class MultiLayer : public Layer {
 public:
  using Layer::Layer;
  Shape output_shape(const Shape& input) const override;
  Shapes output_shapes(const Shapes& inputs) const override = 0;

 protected:
  void make_parameters(const Shape& input) override { make_all_parameters({input}); }
  void make_all_parameters(const Shapes& /*inputs*/) override {}
  void check_input(const Shape& input) const override { check_inputs({input}); }
  void check_inputs(const Shapes& /*inputs*/) const override {}
  Tensor call(const Tensor& x, Context& context) override;
  Tensors call_all(const Tensors& xs, Context& context) override = 0;
};

/// Strengths (l1, l2) of {"class_name": "L1" | "L2" | "L1L2", "config": ...}; zeros for null.
std::pair<double, double> regularizer_from(const io::Json* spec);

/// A layer from its Keras class name and config; ValueError naming what exists otherwise.
Ref<Layer> make_layer(const std::string& class_name, const io::Json& config);
std::vector<std::string> layer_names();

}  // namespace ranvier::nn
