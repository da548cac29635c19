#include "ranvier/nn/model_file.h"

#include <unordered_map>
#include <unordered_set>

#include "ranvier/io/archive.h"

namespace ranvier::nn {
namespace {

using io::Json;

void check_built_in(const Layer& layer) {
  check(!layer.class_name().empty(), "[", layer.name(), "] is written in Python: only Python can save it");
  for (const auto& inner : layer.sublayers()) check_built_in(*inner);
}

}  // namespace

void save_model(const Layer& model, const std::string& path) {
  check<StateError>(model.built(), "[", model.name(), "] build the network (or call it once) before saving it");
  const std::string& class_name = model.class_name();
  check(class_name == "Sequential" || class_name == "Functional", "[", model.name(),
        "] expected a Sequential or a Graph, received a layer of class '", class_name, "'");
  check_built_in(model);
  io::NamedTensors weights;
  std::unordered_set<std::string> names;
  std::unordered_set<const Parameter*> written;
  for (const auto& [name, p] : named_parameters(model)) {
    if (!written.insert(p.get()).second) continue;
    check(names.insert(name).second, "[", model.name(), "] two weights are called '", name,
          "'; give their layers different names");
    weights.emplace_back(name, p->value);
  }
  Json::Array shapes;
  for (const Shape& shape : model.input_shapes()) shapes.push_back(shape_to_json(shape));
  io::Archive archive;
  archive.add("config.json", Json::Object{{"class_name", class_name},
                                          {"config", model.config()},
                                          {"build_input_shape", shapes.size() == 1 ? shapes[0] : Json(shapes)}});
  archive.add("weights.safetensors", std::move(weights));
  io::write_archive(path, archive);
}

Ref<Layer> load_model(const std::string& path) {
  const io::Archive archive = io::read_archive(path);
  try {
    const Json& description = archive.json("config.json");
    const std::string class_name = description.text("class_name");
    check(class_name == "Sequential" || class_name == "Functional",
          "expected a Sequential or a Functional, received a ", class_name);
    Ref<Layer> model = make_layer(class_name, description.at("config"));
    if (const auto* graph = dynamic_cast<const Graph*>(model.get())) {
      model->build(graph->wiring().input_shapes);
    } else {
      model->build(shape_from_json(description.at("build_input_shape")));
    }
    std::unordered_map<std::string, const Tensor*> stored;
    for (const auto& [name, values] : archive.tensors("weights.safetensors")) stored.emplace(name, &values);
    const Parameters parameters = model->parameters();
    check(stored.size() == parameters.size(), "expected ", parameters.size(), " weights, found ", stored.size());
    std::unordered_map<const Parameter*, std::string> missing;
    for (const auto& [name, p] : named_parameters(*model)) {
      const auto found = stored.find(name);
      if (found == stored.end()) {
        missing.emplace(p.get(), name);
        continue;
      }
      p->assign(*found->second);
      missing[p.get()].clear();
    }
    for (const auto& [p, name] : missing) check(name.empty(), "the weight '", name, "' is missing");
    return model;
  } catch (const ValueError& error) {
    fail(path, ": ", error.what());
  }
}

}  // namespace ranvier::nn
