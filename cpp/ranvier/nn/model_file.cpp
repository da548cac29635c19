#include "ranvier/nn/model_file.h"

#include <algorithm>

#include "ranvier/io/archive.h"

namespace ranvier::nn {
namespace {

using io::Json;

io::Json shape_to_json(const Shape& shape) {
  Json::Array dims;
  for (const Index d : shape) dims.push_back(d < 0 ? Json() : Json(d));
  return dims;
}

Shape shape_from_json(const Json& json) {
  Shape shape;
  for (const Json& d : json.as_array()) shape.push_back(d.is_null() ? -1 : d.as_integer());
  return shape;
}

}  // namespace

void save_model(const Sequential& model, const std::string& path) {
  check<StateError>(model.built(), "[", model.name(), "] build the network (or call it once) before saving it");
  io::NamedTensors weights;
  for (const auto& p : model.parameters()) weights.emplace_back(p->path, p->value);
  io::Archive archive;
  archive.add("config.json", Json::Object{{"class_name", "Sequential"},
                                          {"config", model.config()},
                                          {"build_input_shape", shape_to_json(model.input_shape())}});
  archive.add("weights.safetensors", std::move(weights));
  io::write_archive(path, archive);
}

Ref<Sequential> load_model(const std::string& path) {
  const io::Archive archive = io::read_archive(path);
  try {
    const Json& description = archive.json("config.json");
    check(description.text("class_name") == "Sequential", "expected a Sequential, received a ",
          description.text("class_name"));
    auto model = make_ref<Sequential>(description.at("config"));
    model->build(shape_from_json(description.at("build_input_shape")));
    const io::NamedTensors& stored = archive.tensors("weights.safetensors");
    const Parameters parameters = model->parameters();
    check(stored.size() == parameters.size(), "expected ", parameters.size(), " weights, found ", stored.size());
    for (const auto& p : parameters) {
      const auto it = std::find_if(stored.begin(), stored.end(), [&](const auto& one) { return one.first == p->path; });
      check(it != stored.end(), "the weight '", p->path, "' is missing");
      p->assign(it->second);
    }
    return model;
  } catch (const ValueError& error) {
    fail(path, ": ", error.what());
  }
}

}  // namespace ranvier::nn
