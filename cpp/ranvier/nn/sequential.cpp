#include "ranvier/nn/sequential.h"

#include <algorithm>
#include <cctype>

#include "ranvier/nn/families.h"
#include "ranvier/nn/graph.h"

namespace ranvier::nn {
namespace {

// "BatchNormalization" to "batch_normalization", "ReLU" to "re_lu": Keras's automatic names.
std::string snake_case(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool upper = std::isupper(static_cast<unsigned char>(name[i])) != 0;
    const bool after_lower = i > 0 && std::islower(static_cast<unsigned char>(name[i - 1])) != 0;
    const bool before_lower = i + 1 < name.size() && std::islower(static_cast<unsigned char>(name[i + 1])) != 0;
    if (upper && i > 0 && (after_lower || before_lower)) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return out;
}

/// Where a network starts: only the shape, no computation.
class InputLayer final : public Layer {
 public:
  explicit InputLayer(const io::Json& config) : Layer(config) {}
  bool supports_masking() const override { return true; }

 protected:
  Tensor call(const Tensor& x, Context&) override { return x; }
};

}  // namespace

Sequential::Sequential(const io::Json& config) : Layer(config) {
  set_class_name("Sequential");
  const io::Json* layers = config.find("layers");
  if (layers == nullptr) return;
  for (const io::Json& one : layers->as_array()) add(make_layer(one.text("class_name"), one.at("config")));
}

Sequential::Sequential(const std::string& name, std::vector<Ref<Layer>> layers)
    : Layer(io::Json(io::Json::Object{{"name", name}})) {
  set_class_name("Sequential");
  for (auto& layer : layers) add(std::move(layer));
}

void Sequential::add(Ref<Layer> layer) {
  check<StateError>(!built(), "[", name(), "] add layers before the network is built");
  check<TypeError>(static_cast<bool>(layer), "[", name(), "] layers: expected layers, received None");
  extent_ = extended(extent_, *layer, name());
  run_.add({layer, {}});
  layers_.push_back(std::move(layer));
}

void Sequential::add(const std::string& class_name, io::Json::Object config) {
  io::Json json(std::move(config));
  if (json.find("name") == nullptr) {
    const std::string base = snake_case(class_name);
    const auto taken = [&](const std::string& wanted) {
      return std::any_of(layers_.begin(), layers_.end(), [&](const auto& layer) { return layer->name() == wanted; });
    };
    std::string wanted = base;
    for (int i = 1; taken(wanted); ++i) wanted = base + "_" + std::to_string(i);
    json.set("name", wanted);
  }
  add(make_layer(class_name, json));
}

io::Json Sequential::config() const {
  io::Json::Array layers;
  for (const auto& layer : layers_) {
    layers.emplace_back(io::Json::Object{{"class_name", layer->class_name()}, {"config", layer->config()}});
  }
  return io::Json::Object{{"name", name()}, {"layers", layers}};
}

DType Sequential::dtype() const { return layers_.empty() ? Layer::dtype() : layers_.back()->dtype(); }

DType Sequential::input_dtype(bool integral) const {
  // What starts a network passes the data on to the layer that reads it.
  const auto reader = std::find_if(layers_.begin(), layers_.end(),
                                   [](const auto& layer) { return layer->class_name() != "InputLayer"; });
  return reader == layers_.end() ? Layer::input_dtype(integral) : (*reader)->input_dtype(integral);
}

void Sequential::set_trainable(bool trainable) {
  Layer::set_trainable(trainable);
  for (const auto& layer : layers_) layer->set_trainable(trainable);
}

Family container_layers() {
  return {layer_class<Sequential>("Sequential"), layer_class<Graph>("Functional"),
          layer_class<InputLayer>("InputLayer")};
}

}  // namespace ranvier::nn
