// Layers wired up freely: several inputs and outputs, branches that meet again, layers used more than once. Keras's
// functional model.
#pragma once

#include "ranvier/nn/keyword_layer.h"
#include "ranvier/nn/run.h"

namespace ranvier::nn {

/// One use of a layer in a Graph. Values are numbered: the inputs of the graph first, then the outputs of each node in
/// order.
struct GraphNode {
  std::size_t layer;  ///< place in the list of layers
  std::vector<std::size_t> inputs;
  std::size_t outputs = 1;
  std::optional<bool> training = {};  ///< overrides the mode for this use
  Call call = {};                     ///< what its inputs are for, when it is not layer(x) or layer([x, y])
};

/// The wiring of a Graph, and the names its inputs have in files.
struct Wiring {
  std::vector<Ref<Layer>> layers;
  std::vector<GraphNode> nodes;
  std::size_t inputs = 1;
  std::vector<std::size_t> outputs;
  std::vector<std::string> input_names = {};  ///< made up when empty
  Shapes input_shapes = {};                   ///< when a file told them
};

class Graph final : public MultiLayer {
 public:
  /// ValueError when a node names layers or values that do not exist (yet).
  Graph(const std::string& name, Wiring wiring);
  /// Reads Keras 3's configuration of a functional model whose layers are built-in ones.
  explicit Graph(const io::Json& config);

  const std::vector<Ref<Layer>>& layers() const { return wiring_.layers; }
  const Wiring& wiring() const { return wiring_; }

  io::Json config() const override;
  std::size_t outputs() const override { return wiring_.outputs.size(); }
  DType dtype() const override { return output_dtype_at(0); }
  DType input_dtype(bool integral) const override { return input_dtype_at(0, integral); }
  DType input_dtype_at(std::size_t input, bool integral) const override;
  DType output_dtype_at(std::size_t output) const override;
  Shapes output_shapes(const Shapes& inputs) const override;
  std::vector<Ref<Layer>> sublayers() const override { return wiring_.layers; }
  Extent extent() const override { return extent_; }
  Parameters parameters() const override { return parameters_of(wiring_.layers); }
  bool streams() const override { return true; }  // its layers say for themselves
  Tensors masks_for(const Tensors& /*xs*/, const Tensors& ys) const override { return masks_within(ys); }
  Tensor mask_for(const Tensor& /*x*/, const Tensor& y) const override { return y.mask(); }
  void set_trainable(bool trainable) override;
  std::vector<Generator*> generators() override { return generators_of(wiring_.layers); }
  bool replayable() const override { return nn::replayable(wiring_.layers); }

 protected:
  void make_all_parameters(const Shapes& inputs) override;
  void check_inputs(const Shapes& inputs) const override;
  Tensor call(const Tensor& x, Context& context) override;
  Tensors call_all(const Tensors& xs, Context& context) override;

 private:
  /// Nodes that run as one: a chain without branches, or one layer with several inputs or outputs.
  struct Step {
    Run run;
    std::vector<std::size_t> inputs;
    std::vector<bool> last;  ///< of each input: nobody reads it afterwards
    std::size_t first_output = 0;
    std::size_t outputs = 1;
    bool chain() const { return inputs.size() == 1 && outputs == 1; }
    const Stage& stage() const { return run.stages().front(); }
  };
  /// One output of one node, or one of its inputs.
  struct Port {
    const GraphNode* node = nullptr;
    std::size_t place = 0;
  };

  void number_values();
  void plan_steps();
  /// Sends values through the steps: one(step, value) for chains, all(step, values) for the others.
  template <class V, class One, class All>
  std::vector<V> walk(const std::vector<V>& inputs, const One& one, const All& all) const;
  /// x as the layer reads it; inputs of the graph are brought to what their first reader wants, others as well.
  static Tensor as_read(const Layer& layer, std::size_t input, const Tensor& x, bool from_outside);
  /// The layer as the node calls it.
  const Layer& layer_of(const GraphNode& node) const {
    return *callees_[static_cast<std::size_t>(&node - wiring_.nodes.data())];
  }

  Wiring wiring_;
  std::vector<Ref<Layer>> callees_;         ///< of each node
  std::vector<Port> makers_;                ///< of each value; the graph's inputs have none
  std::vector<std::vector<Port>> readers_;  ///< of each value
  std::vector<bool> leaves_;                ///< of each value: it is an output of the graph
  std::vector<Step> steps_;
  bool single_run_ = false;  ///< one input, one run, one output
  Extent extent_{1, 0};
};

/// The wiring that Keras 3's get_config of a functional model describes; ValueError for everything that is not one.
Wiring wiring_from_config(const io::Json& config);
/// "layers", "input_layers" and "output_layers" of such a configuration; `inputs` are the shapes the graph was built
/// with, if it was, and `dtypes` those of its inputs.
io::Json::Object config_of_wiring(const Wiring& wiring, const Shapes& inputs, const std::vector<DType>& dtypes);

io::Json shape_to_json(const Shape& shape);
Shape shape_from_json(const io::Json& json);

}  // namespace ranvier::nn
