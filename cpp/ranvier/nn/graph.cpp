#include "ranvier/nn/graph.h"

#include <algorithm>

#include "ranvier/nn/families.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {
namespace {

constexpr std::size_t most_values = 1'000'000;

}  // namespace

Graph::Graph(const std::string& name, Wiring wiring)
    : MultiLayer(io::Json(io::Json::Object{{"name", name}})), wiring_(std::move(wiring)) {
  set_class_name("Functional");
  number_values();
  plan_steps();
}

Graph::Graph(const io::Json& config) : MultiLayer(config) {
  set_class_name("Functional");
  try {
    wiring_ = wiring_from_config(config);
  } catch (const ValueError& error) {
    if (error.what()[0] == '[') throw;
    reject(error.what());
  }
  number_values();
  plan_steps();
}

// Checks what the nodes name, and notes who makes and who reads each value.
void Graph::number_values() {
  const auto exists = [&](std::size_t value, const auto&... what) {
    if (value >= makers_.size()) reject(what..., ": expected a value below ", makers_.size(), ", received ", value);
  };
  if (wiring_.inputs == 0) reject("expected at least one input, received none");
  if (wiring_.inputs > most_values) reject("expected at most ", most_values, " inputs, received ", wiring_.inputs);
  if (wiring_.outputs.empty()) reject("expected at least one output, received none");
  for (const auto& layer : wiring_.layers) {
    check<TypeError>(static_cast<bool>(layer), "[", name(), "] layers: expected layers, received None");
  }
  makers_.resize(wiring_.inputs);
  readers_.resize(wiring_.inputs);
  for (std::size_t n = 0; n < wiring_.nodes.size(); ++n) {
    const GraphNode& node = wiring_.nodes[n];
    if (node.layer >= wiring_.layers.size()) {
      reject("node ", n, ": expected a layer below ", wiring_.layers.size(), ", received ", node.layer);
    }
    if (node.inputs.empty() || node.outputs == 0) reject("node ", n, ": expected at least one input and one output");
    callees_.push_back(bind(wiring_.layers[node.layer], node.call));
    if (node.outputs > most_values - makers_.size()) reject("expected at most ", most_values, " values, received more");
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      exists(node.inputs[i], "node ", n, " (", layer_of(node).name(), ")");
      readers_[node.inputs[i]].push_back({&node, i});
    }
    for (std::size_t i = 0; i < node.outputs; ++i) makers_.push_back({&node, i});
    readers_.resize(makers_.size());
  }
  leaves_.resize(makers_.size());
  for (const std::size_t value : wiring_.outputs) {
    exists(value, "outputs");
    leaves_[value] = true;
  }
}

// A node joins the run that made its input when it is the only one to read it.
void Graph::plan_steps() {
  std::vector<std::size_t> step_of(makers_.size(), 0);  // that ends with a value
  std::size_t value = wiring_.inputs;
  for (const GraphNode& node : wiring_.nodes) {
    const Stage stage{callees_[static_cast<std::size_t>(&node - wiring_.nodes.data())], node.training};
    extent_ = extended(extent_, *stage.layer, name());
    const std::size_t read = node.inputs.front();
    const bool simple = node.inputs.size() == 1 && node.outputs == 1;
    const bool alone = read >= wiring_.inputs && readers_[read].size() == 1 && !leaves_[read];
    if (simple && alone && steps_[step_of[read]].chain()) {
      step_of[value] = step_of[read];
    } else {
      for (std::size_t i = 0; i < node.outputs; ++i) step_of[value + i] = steps_.size();
      Step& fresh = steps_.emplace_back();
      fresh.inputs = node.inputs;
      fresh.outputs = node.outputs;
    }
    Step& step = steps_[step_of[value]];
    step.run.add(stage);
    step.first_output = value;
    value += node.outputs;
  }

  std::vector<bool> read_later = leaves_;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    step->last.resize(step->inputs.size());
    for (std::size_t i = step->inputs.size(); i-- > 0;) {
      step->last[i] = !read_later[step->inputs[i]];
      read_later[step->inputs[i]] = true;
    }
  }
  single_run_ = wiring_.inputs == 1 && steps_.size() == 1 && steps_[0].chain() &&
                wiring_.outputs == std::vector<std::size_t>{steps_[0].first_output};
}

template <class V, class One, class All>
std::vector<V> Graph::walk(const std::vector<V>& inputs, const One& one, const All& all) const {
  std::vector<V> values(makers_.size());
  std::copy(inputs.begin(), inputs.end(), values.begin());
  const auto put = [&](std::size_t value, V made) {
    if (leaves_[value] || !readers_[value].empty()) values[value] = std::move(made);
  };
  std::vector<V> given;
  for (const Step& step : steps_) {
    const auto take = [&](std::size_t i) {
      V& value = values[step.inputs[i]];
      return step.last[i] ? std::move(value) : V(value);
    };
    if (step.chain()) {
      put(step.first_output, one(step, take(0)));
      continue;
    }
    for (std::size_t i = 0; i < step.inputs.size(); ++i) given.push_back(take(i));
    std::vector<V> made = all(step, given);
    given.clear();
    check(made.size() == step.outputs, "[", step.stage().layer->name(), "] expected to give ", step.outputs,
          step.outputs == 1 ? " output" : " outputs", ", received ", made.size());
    for (std::size_t i = 0; i < made.size(); ++i) put(step.first_output + i, std::move(made[i]));
  }
  std::vector<V> outputs;
  outputs.reserve(wiring_.outputs.size());
  for (const std::size_t value : wiring_.outputs) outputs.push_back(values[value]);
  return outputs;
}

Tensor Graph::as_read(const Layer& layer, std::size_t input, const Tensor& x, bool from_outside) {
  const bool integral = !is_floating(x.dtype());
  const DType wanted = layer.input_dtype_at(input, integral);
  if (wanted == x.dtype() || (integral && !from_outside && wanted != DType::boolean)) return x;
  const Tensor read = ops::cast(x, wanted);
  read.set_mask(x.mask());
  return read;
}

DType Graph::input_dtype_at(std::size_t input, bool integral) const {
  if (input >= wiring_.inputs || readers_[input].empty()) return Layer::dtype();
  DType first = DType::float32;
  for (std::size_t i = 0; i < readers_[input].size(); ++i) {
    const Port& reader = readers_[input][i];
    const DType want = layer_of(*reader.node).input_dtype_at(reader.place, integral);
    if (!is_floating(want)) return want;  // for the others it is converted where they read it
    if (i == 0) first = want;
  }
  return first;
}

DType Graph::output_dtype_at(std::size_t output) const {
  const Port& maker = makers_[wiring_.outputs[output]];
  return maker.node == nullptr ? Layer::dtype() : layer_of(*maker.node).output_dtype_at(maker.place);
}

Shapes Graph::output_shapes(const Shapes& inputs) const {
  Graph::check_inputs(inputs);
  return walk(
      inputs, [](const Step& step, const Shape& shape) { return step.run.output_shape(shape); },
      [](const Step& step, const Shapes& shapes) { return step.stage().layer->output_shapes(shapes); });
}

void Graph::make_all_parameters(const Shapes& inputs) {
  Graph::check_inputs(inputs);
  walk(
      inputs, [](const Step& step, const Shape& shape) { return step.run.build(shape); },
      [](const Step& step, const Shapes& shapes) {
        step.stage().layer->build(shapes);
        return step.stage().layer->output_shapes(shapes);
      });
}

void Graph::check_inputs(const Shapes& inputs) const {
  if (inputs.size() == wiring_.inputs) return;
  reject("expected ", wiring_.inputs, wiring_.inputs == 1 ? " input" : " inputs", ", received ", inputs.size());
}

Tensor Graph::call(const Tensor& x, Context& context) {
  if (single_run_) return steps_[0].run(as_read(*steps_[0].stage().layer, 0, x, true), context);
  return MultiLayer::call(x, context);
}

Tensors Graph::call_all(const Tensors& xs, Context& context) {
  const auto outside = [&](const Step& step, std::size_t i) { return step.inputs[i] < wiring_.inputs; };
  Tensors ys = walk(
      xs,
      [&](const Step& step, Tensor x) {
        x = as_read(*step.stage().layer, 0, x, outside(step, 0));
        return step.run(std::move(x), context);
      },
      [&](const Step& step, const Tensors& given) {
        const auto& [layer, training] = step.stage();
        Tensors read;
        read.reserve(given.size());
        for (std::size_t i = 0; i < given.size(); ++i) read.push_back(as_read(*layer, i, given[i], outside(step, i)));
        const TrainingScope scope(context, training);
        return (*layer)(read, context);
      });
  for (std::size_t i = 0; i < ys.size(); ++i) {
    if (wiring_.outputs[i] < wiring_.inputs) ys[i] = ops::cast(ys[i], output_dtype_at(i));  // passed through
  }
  return ys;
}

void Graph::set_trainable(bool trainable) {
  Layer::set_trainable(trainable);
  for (const auto& layer : wiring_.layers) layer->set_trainable(trainable);
}

io::Json Graph::config() const {
  std::vector<DType> dtypes;
  for (std::size_t i = 0; i < wiring_.inputs; ++i) dtypes.push_back(input_dtype_at(i, false));
  io::Json json(io::Json::Object{{"name", name()}, {"trainable", trainable()}});
  for (auto& [key, value] : config_of_wiring(wiring_, built() ? input_shapes() : wiring_.input_shapes, dtypes)) {
    json.set(key, std::move(value));
  }
  return json;
}

}  // namespace ranvier::nn
