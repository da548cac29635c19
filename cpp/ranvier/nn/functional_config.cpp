// Keras 3's configuration of a functional model, read and written:
//
//   {"layers": [{"class_name": "InputLayer", "config": {"batch_shape": [null, 3], ...}, "name": "x", "inbound_nodes": []},
//               {"class_name": "Dense", "config": {...}, "name": "dense",
//                "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__",
//                                             "config": {"keras_history": ["x", 0, 0], ...}}], "kwargs": {}}]}],
//    "input_layers": ["x", 0, 0], "output_layers": ["dense", 0, 0]}
//
// A history names a layer, which of its uses it was and which output of that; several tensors stand in lists.
#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "ranvier/nn/graph.h"

namespace ranvier::nn {
namespace {

using io::Json;

/// What keras_history says.
struct History {
  std::string layer;
  Index node;
  Index tensor;
};

bool is_history(const Json& json) {
  return json.is_array() && json.size() == 3 && json.at(0).is_text() && json.at(1).is_integer() &&
         json.at(2).is_integer();
}

History history_from(const Json& json) {
  check(is_history(json), "expected a tensor as [layer, node, index], received ", json.describe());
  return {json.at(0).as_text(), json.at(1).as_integer(), json.at(2).as_integer()};
}

// The tensors of input_layers or output_layers: one, a list, or a dict, which Keras orders by its keys.
void collect_ends(const Json& json, std::vector<History>& all) {
  if (json.is_object()) {
    std::vector<const Json::Member*> members;
    for (const Json::Member& member : json.as_object()) members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const Json::Member* member : members) collect_ends(member->second, all);
  } else if (is_history(json)) {
    all.push_back(history_from(json));
  } else {
    check(json.is_array(), "expected [layer, node, index] or a list of them, received ", json.describe());
    for (const Json& one : json.as_array()) collect_ends(one, all);
  }
}

// The tensors among the positional arguments of a call, in order.
void collect_arguments(const Json& json, std::vector<History>& all) {
  if (json.is_null()) return;
  if (json.is_array()) {
    for (const Json& one : json.as_array()) collect_arguments(one, all);
    return;
  }
  check(json.is_object() && json.text("class_name", "") == "__keras_tensor__",
        "expected tensors as arguments, received ", json.describe());
  all.push_back(history_from(json.at("config").at("keras_history")));
}

/// A use of a layer, not yet in its place in the order.
struct Use {
  std::size_t layer;
  std::vector<History> inputs;
  std::optional<bool> training;
  Call call;
};

/// A layer of the configuration by its name.
struct Entry {
  bool input = false;
  std::size_t place = 0;  ///< among the inputs found, or the layers
  std::size_t first_use = 0;
  std::size_t uses = 0;
};

class Reader {
 public:
  explicit Reader(const Json& config) {
    for (const Json& record : config.at("layers").as_array()) add(record);
    take_inputs(config.at("input_layers"));
    sort();
    std::vector<History> ends;
    collect_ends(config.at("output_layers"), ends);
    check(!ends.empty(), "output_layers: expected at least one tensor, received none");
    for (const History& end : ends) wiring_.outputs.push_back(value_of(end));
  }
  Wiring take() { return std::move(wiring_); }

 private:
  void add(const Json& record) {
    const std::string class_name = record.text("class_name");
    Json settings = record.at("config");
    const std::string name = record.text("name", settings.text("name", ""));
    check(!name.empty(), "layers: expected every layer to have a name, received a ", class_name, " without one");
    settings.set("name", name);
    if (record.text("module", "").starts_with("ranvier.ops.")) settings.set("function", true);
    Entry entry;
    if (class_name == "InputLayer") {
      entry.input = true;
      entry.place = given_shapes_.size();
      const Json* shape = settings.find("batch_shape");
      if (shape == nullptr) shape = settings.find("batch_input_shape");
      check(shape != nullptr, "[", name, "] expected a batch_shape, received none");
      given_shapes_.push_back(shape_from_json(*shape));
      given_names_.push_back(name);
      input_values_.push_back(none);
    } else {
      entry.place = wiring_.layers.size();
      wiring_.layers.push_back(make_layer(class_name, settings));
      entry.first_use = uses_.size();
      for (const Json& node : record.at("inbound_nodes").as_array()) uses_.push_back(use_from(entry.place, node));
      entry.uses = uses_.size() - entry.first_use;
    }
    check(entries_.emplace(name, entry).second, "layers: expected different names, received '", name, "' twice");
  }

  Use use_from(std::size_t place, const Json& node) const {
    const Layer& layer = *wiring_.layers[place];
    const auto* keywords = dynamic_cast<const KeywordLayer*>(&layer);
    Use use{place, {}, {}, {}};
    try {
      if (keywords != nullptr) {
        collect_named(*keywords, node, use);
      } else {
        collect_arguments(node.at("args"), use.inputs);
      }
      check(!use.inputs.empty(), "expected at least one tensor as argument, received none");
      const Json* named = node.find("kwargs");
      if (named == nullptr) return use;
      for (const auto& [key, value] : named->as_object()) {
        if (value.is_null() || (keywords != nullptr && key != "training")) continue;
        check(key == "training" && value.is_flag(), "expected no keyword argument but training, received ", key, "=",
              value.describe());
        use.training = value.as_flag();
      }
    } catch (const ValueError& error) {
      fail("[", layer.name(), "] inbound_nodes: ", error.what());
    }
    return use;
  }

  // Tensors by position or by name, and options.
  static void collect_named(const KeywordLayer& layer, const Json& node, Use& use) {
    const std::vector<std::string> names = layer.argument_names();
    const auto take = [&](const std::string& argument, const Json& value) {
      collect_arguments(value, use.inputs);
      use.call.arguments.resize(use.inputs.size(), argument);
    };
    const Json::Array& args = node.at("args").as_array();
    if (args.size() == 1 && args[0].is_array()) {  // layer([x, y])
      collect_arguments(args[0], use.inputs);
      use.call.arguments = layer.positional(use.inputs.size()).arguments;
    } else {
      check(args.size() <= names.size(), "expected at most ", names.size(), " arguments, received ", args.size());
      for (std::size_t i = 0; i < args.size(); ++i) take(names[i], args[i]);
    }
    const Json* named = node.find("kwargs");
    if (named != nullptr) {
      for (const auto& [key, value] : named->as_object()) {
        if (value.is_null() || key == "training") continue;
        if (std::find(names.begin(), names.end(), key) != names.end()) {
          take(key, value);
        } else {
          use.call.options.set(key, value);
        }
      }
    }
    const bool positional = use.call.options.size() == 0 && use.inputs.size() <= names.size() &&
                            std::equal(use.call.arguments.begin(), use.call.arguments.end(), names.begin());
    if (positional) {
      use.call = {};
    } else {
      layer.check_call(use.call);
    }
  }

  std::size_t outputs_of(const Use& use) const { return bind(wiring_.layers[use.layer], use.call)->outputs(); }

  const Entry& entry_of(const History& history) const {
    const auto found = entries_.find(history.layer);
    check(found != entries_.end(), "expected the name of a layer, received '", history.layer, "', which is none");
    const Entry& entry = found->second;
    const auto uses = static_cast<Index>(entry.input ? 1 : entry.uses);
    check(history.node >= 0 && history.node < uses, "layer '", history.layer, "': expected a use below ", uses,
          ", received ", history.node);
    const auto outputs = static_cast<Index>(
        entry.input ? 1 : outputs_of(uses_[entry.first_use + static_cast<std::size_t>(history.node)]));
    check(history.tensor >= 0 && history.tensor < outputs, "layer '", history.layer, "': expected an output below ",
          outputs, ", received ", history.tensor);
    return entry;
  }

  void take_inputs(const Json& json) {
    std::vector<History> ends;
    collect_ends(json, ends);
    check(!ends.empty(), "input_layers: expected at least one input, received none");
    wiring_.inputs = ends.size();
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const Entry& entry = entry_of(ends[i]);
      check(entry.input, "input_layers: expected an InputLayer, received '", ends[i].layer, "'");
      std::size_t& value = input_values_[entry.place];
      check(value == none, "input_layers: expected every input once, received '", ends[i].layer, "' twice");
      value = i;
      wiring_.input_names.push_back(given_names_[entry.place]);
      wiring_.input_shapes.push_back(given_shapes_[entry.place]);
    }
  }

  // Puts the uses in an order in which every one comes after those it reads.
  void sort() {
    std::vector<std::vector<std::size_t>> readers(uses_.size());
    std::vector<std::size_t> waiting(uses_.size(), 0);
    std::deque<std::size_t> ready;
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      for (const History& history : uses_[i].inputs) {
        const Entry& entry = entry_of(history);
        if (entry.input) continue;
        readers[entry.first_use + static_cast<std::size_t>(history.node)].push_back(i);
        ++waiting[i];
      }
      if (waiting[i] == 0) ready.push_back(i);
    }
    first_values_.assign(uses_.size(), none);
    std::size_t values = wiring_.inputs;
    while (!ready.empty()) {
      const std::size_t i = ready.front();
      ready.pop_front();
      const Use& use = uses_[i];
      GraphNode node{use.layer, {}, outputs_of(use), use.training, use.call};
      for (const History& history : use.inputs) node.inputs.push_back(value_of(history));
      first_values_[i] = values;
      values += node.outputs;
      wiring_.nodes.push_back(std::move(node));
      for (const std::size_t reader : readers[i]) {
        if (--waiting[reader] == 0) ready.push_back(reader);
      }
    }
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      check(first_values_[i] != none, "layers: expected an order in which each comes after those it reads, but '",
            wiring_.layers[uses_[i].layer]->name(), "' reads itself in a circle");
    }
  }

  std::size_t value_of(const History& history) const {
    const Entry& entry = entry_of(history);
    if (!entry.input) {
      return first_values_[entry.first_use + static_cast<std::size_t>(history.node)] +
             static_cast<std::size_t>(history.tensor);
    }
    const std::size_t value = input_values_[entry.place];
    check(value != none, "input_layers: expected '", history.layer, "' among them, as it is read");
    return value;
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::unordered_map<std::string, Entry> entries_;
  std::vector<Use> uses_;
  Shapes given_shapes_;  ///< of all InputLayers, in the order of the file
  std::vector<std::string> given_names_;
  std::vector<std::size_t> input_values_;  ///< of all InputLayers
  std::vector<std::size_t> first_values_;  ///< of all uses
  Wiring wiring_;
};

/// Names for inputs that have none, different from those of the layers.
std::vector<std::string> input_names(const Wiring& wiring) {
  if (!wiring.input_names.empty()) return wiring.input_names;
  std::unordered_set<std::string> taken;
  for (const auto& layer : wiring.layers) taken.insert(layer->name());
  std::vector<std::string> names;
  for (int i = 0; names.size() < wiring.inputs; ++i) {
    std::string name = "input_layer" + (i == 0 ? std::string() : "_" + std::to_string(i));
    if (taken.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

Json one_or_list(Json::Array all) { return all.size() == 1 ? std::move(all.front()) : Json(std::move(all)); }

}  // namespace

io::Json shape_to_json(const Shape& shape) {
  Json::Array dims;
  for (const Index d : shape) dims.push_back(d < 0 ? Json() : Json(d));
  return dims;
}

Shape shape_from_json(const io::Json& json) {
  Shape shape;
  for (const Json& d : json.as_array()) shape.push_back(d.is_null() ? -1 : d.as_integer());
  return shape;
}

Wiring wiring_from_config(const io::Json& config) { return Reader(config).take(); }

io::Json::Object config_of_wiring(const Wiring& wiring, const Shapes& inputs, const std::vector<DType>& dtypes) {
  struct Value {
    Json history;
    Shape shape;
    std::string_view dtype;
  };
  std::vector<Value> values;
  Json::Array layers;
  const std::vector<std::string> names = input_names(wiring);
  std::unordered_set<std::string> taken(names.begin(), names.end());
  for (const auto& layer : wiring.layers) {
    check(taken.insert(layer->name()).second, "expected layers of different names, received '", layer->name(),
          "' twice");
  }
  const bool known = !inputs.empty();
  for (std::size_t i = 0; i < wiring.inputs; ++i) {
    const std::string_view dtype = name_of(dtypes[i]);
    values.push_back({Json::Array{names[i], 0, 0}, known ? inputs[i] : Shape{-1}, dtype});
    Json settings(Json::Object{{"batch_shape", shape_to_json(values.back().shape)}, {"dtype", dtype}});
    settings.set("name", names[i]);
    layers.emplace_back(Json::Object{{"class_name", "InputLayer"},
                                     {"config", std::move(settings)},
                                     {"name", names[i]},
                                     {"inbound_nodes", Json::Array{}}});
  }
  std::vector<Json::Array> nodes(wiring.layers.size());
  for (const GraphNode& node : wiring.nodes) {
    const Ref<Layer> callee = bind(wiring.layers[node.layer], node.call);
    const Layer& layer = *callee;
    Json::Array tensors;
    Shapes shapes;
    for (const std::size_t input : node.inputs) {
      const Value& value = values[input];
      shapes.push_back(value.shape);
      tensors.emplace_back(Json::Object{{"class_name", "__keras_tensor__"},
                                        {"config", Json::Object{{"shape", shape_to_json(value.shape)},
                                                                {"dtype", value.dtype},
                                                                {"keras_history", value.history}}}});
    }
    Json::Array arguments;
    Json::Object named;
    const bool listed = wiring.layers[node.layer]->takes_list();
    if (node.call.plain()) {
      const bool separate = dynamic_cast<const KeywordLayer*>(&layer) != nullptr;
      arguments = listed     ? Json::Array{Json(std::move(tensors))}
                  : separate ? std::move(tensors)
                             : Json::Array{one_or_list(std::move(tensors))};
    } else {
      named = node.call.options.as_object();
      if (listed) arguments.emplace_back(Json::Array{});
      std::string last;
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::string& argument = node.call.arguments[i];
        if (listed && !argument.ends_with("mask")) {
          arguments[0].push_back(std::move(tensors[i]));
        } else if (i == 0) {
          arguments.push_back(std::move(tensors[i]));
        } else if (argument != last) {
          named.emplace_back(argument, std::move(tensors[i]));
        } else {  // one more of a list
          Json& held = named.back().second;
          if (!held.is_array()) held = Json::Array{held};
          held.push_back(std::move(tensors[i]));
        }
        last = argument;
      }
    }
    if (node.training) named.emplace_back("training", *node.training);
    const Shapes made = known ? layer.output_shapes(shapes) : Shapes(node.outputs, Shape{-1});
    for (std::size_t i = 0; i < node.outputs; ++i) {
      values.push_back({Json::Array{layer.name(), nodes[node.layer].size(), i}, i < made.size() ? made[i] : Shape{-1},
                        name_of(layer.output_dtype_at(i))});
    }
    nodes[node.layer].emplace_back(Json::Object{{"args", std::move(arguments)}, {"kwargs", std::move(named)}});
  }
  for (std::size_t i = 0; i < wiring.layers.size(); ++i) {
    const Layer& layer = *wiring.layers[i];
    layers.emplace_back(Json::Object{{"class_name", layer.class_name()},
                                     {"config", layer.config()},
                                     {"name", layer.name()},
                                     {"inbound_nodes", std::move(nodes[i])}});
  }
  Json::Array first;
  for (std::size_t i = 0; i < wiring.inputs; ++i) first.push_back(values[i].history);
  Json::Array last;
  for (const std::size_t value : wiring.outputs) last.push_back(values[value].history);
  return {{"layers", std::move(layers)},
          {"input_layers", one_or_list(std::move(first))},
          {"output_layers", one_or_list(std::move(last))}};
}

}  // namespace ranvier::nn
