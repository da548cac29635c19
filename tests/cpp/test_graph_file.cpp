// Graphs as configurations and files: what is written is read back, what Keras writes is read, and nothing else is.
#include <filesystem>

#include "check.h"
#include "graph_support.h"
#include "ranvier/io/archive.h"
#include "ranvier/nn/model_file.h"

namespace {

using namespace ranvier;
using namespace ranvier::testing;
using io::Json;
using nn::Graph;

std::vector<double> outputs_of(nn::Layer& model, const nn::Tensors& xs) {
  std::vector<double> all;
  for (const Tensor& y : model.predict(xs)) {
    const std::vector<double> own = values_of(y);
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

void graphs_come_back_from_files() {
  const auto graph = two_in_two_out();
  const nn::Tensors xs{normal({3, 7}, 1), normal({3, 5}, 2)};
  const auto path = (std::filesystem::temp_directory_path() / "ranvier_test_graph.rv").string();
  nn::save_model(*graph, path);
  const auto loaded = nn::load_model(path);
  EXPECT(loaded->class_name() == "Functional" && loaded->name() == "graph" && loaded->built());
  EXPECT(weights_of(*loaded) == weights_of(*graph));
  EXPECT(outputs_of(*loaded, xs) == outputs_of(*graph, xs));
  EXPECT(loaded->config() == graph->config());
  EXPECT(make_ref<Graph>(Json::parse(graph->config().dump()))->config().dump() == graph->config().dump());

  // a graph inside a stack inside a graph, whose weights have long names
  auto block = make_ref<nn::Sequential>("block", std::vector<Ref<nn::Layer>>{two_in_two_out()->layers()[0]});
  Graph outer("outer",
              nn::Wiring{std::vector<Ref<nn::Layer>>{block, dense("left", 2)}, {{0, {0}, 1, false}, {1, {1}}}, 1, {2}});
  outer.build(Shape{-1, 7});
  nn::save_model(outer, path);
  const auto again = nn::load_model(path);
  EXPECT(nn::named_parameters(*again)[0].first == "block/left/kernel");
  EXPECT(nn::named_parameters(*again)[2].first == "left/kernel");
  EXPECT(outputs_of(*again, {xs[0]}) == outputs_of(outer, {xs[0]}));
  const Json node = again->config().at("layers").at(1).at("inbound_nodes").at(0);
  EXPECT(node.at("kwargs").flag("training") == false);
  std::filesystem::remove(path);
}

// Calls with further arguments, on a list, of tied weights; weights whose names have parts.
void attention_comes_back_from_files() {
  set_random_seed(3);
  const Json scores(Config{{"return_attention_scores", true}});
  const Json causal(Config{{"use_causal_mask", true}});
  const Json reverse(Config{{"reverse", true}});
  // values: 0 tokens, 1 memory, 2 words, 3 turned, 4 and 5 heads and their scores, 6 plain, 7 additive, 8 backwards
  Graph graph("graph",
              nn::Wiring{{layer("ReversibleEmbedding", {{"name", "words"}, {"input_dim", 9}, {"output_dim", 8}}),
                          layer("RotaryEmbedding", {{"name", "turned"}}),
                          layer("MultiHeadAttention", {{"name", "heads"}, {"num_heads", 2}, {"key_dim", 3}}),
                          layer("Attention", {{"name", "plain"}, {"use_scale", true}}),
                          layer("AdditiveAttention", {{"name", "additive"}})},
                         {{0, {0}},
                          {1, {2}, 1, {}, {{"inputs"}, Json(Config{{"start_index", 4}})}},
                          {2, {3, 1, 1}, 2, {}, {{"query", "value", "key"}, scores}},
                          {3, {4, 1}},
                          {4, {6, 1, 1}, 1, {}, {{"query", "value", "key"}, causal}},
                          {0, {7}, 1, {}, {{"inputs"}, reverse}}},
                         2,
                         {8, 5}});
  graph.build(nn::Shapes{{-1, 4}, {-1, 5, 8}});
  const Tensor tokens = ops::cast(ops::unary(ops::Unary::abs, normal({3, 4}, 1)), DType::int64);
  const nn::Tensors xs{tokens, normal({3, 5, 8}, 2)};
  const auto path = (std::filesystem::temp_directory_path() / "ranvier_test_graph_attention.rv").string();
  nn::save_model(graph, path);
  const auto loaded = nn::load_model(path);
  EXPECT(outputs_of(*loaded, xs) == outputs_of(graph, xs));
  EXPECT(loaded->config() == graph.config());
  const auto names = nn::named_parameters(*loaded);
  EXPECT(names.size() == 11 && names[1].first == "heads/query/kernel");
  const auto inbound = [&](Index at) { return graph.config().at("layers").at(at).at("inbound_nodes").at(0); };
  for (const Index at : {Index{5}, Index{6}}) {  // behind the two inputs: Keras's layer([query, value, ...])
    EXPECT(inbound(at).at("args").size() == 1 && inbound(at).at("args").at(0).is_array());
  }
  EXPECT(inbound(6).at("kwargs").flag("use_causal_mask"));
  EXPECT(inbound(3).at("kwargs").integer("start_index") == 4);
  std::filesystem::remove(path);
}

void what_cannot_be_saved_is_refused() {
  const auto path = (std::filesystem::temp_directory_path() / "ranvier_test_graph_no.rv").string();
  const auto d = dense("d", 2);
  Graph graph("g", nn::Wiring{{d}, {{0, {0}}}, 1, {1}});
  EXPECT_THROWS(nn::save_model(graph, path), StateError, "[g] build the network");
  d->build(Shape{-1, 2});
  EXPECT_THROWS(nn::save_model(*d, path), ValueError, "[d] expected a Sequential or a Graph");
  Graph same("g", nn::Wiring{{d, dense("d", 2)}, {{0, {0}}, {1, {1}}}, 1, {2}});
  same.build(Shape{-1, 2});
  EXPECT_THROWS(nn::save_model(same, path), ValueError, "two weights are called 'd/kernel'");
  EXPECT_THROWS(same.config(), ValueError, "layers of different names, received 'd' twice");
  EXPECT(!std::filesystem::exists(path));
}

// What Keras 3 writes, in short: two inputs in a dict, a shared layer, a list of tensors, training=False, a nested model.
constexpr const char* keras_text = R"({
  "name": "functional", "trainable": true,
  "layers": [
    {"class_name": "InputLayer", "name": "a", "inbound_nodes": [],
     "config": {"batch_shape": [null, 3], "dtype": "float32", "sparse": false, "name": "a"}},
    {"class_name": "Add", "name": "add", "config": {"name": "add"}, "inbound_nodes": [
      {"args": [[{"class_name": "__keras_tensor__", "config": {"keras_history": ["dense", 0, 0]}},
                 {"class_name": "__keras_tensor__", "config": {"keras_history": ["dense", 1, 0]}}]], "kwargs": {}}]},
    {"class_name": "InputLayer", "name": "b", "inbound_nodes": [],
     "config": {"batch_shape": [null, 3], "dtype": "float32", "sparse": false, "name": "b"}},
    {"class_name": "Dense", "name": "dense", "module": "keras.layers",
     "config": {"name": "dense", "units": 3, "activation": "tanh",
                "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}},
     "inbound_nodes": [
      {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}}], "kwargs": {}},
      {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["b", 0, 0]}}],
       "kwargs": {"mask": null}}]},
    {"class_name": "Sequential", "name": "stack", "config": {"name": "stack", "layers": [
       {"class_name": "InputLayer", "config": {"batch_shape": [null, 3], "name": "inner"}},
       {"class_name": "Dropout", "config": {"name": "dropout", "rate": 0.9}}]},
     "inbound_nodes": [
      {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["add", 0, 0]}}],
       "kwargs": {"training": false}}]}],
  "input_layers": {"second": ["b", 0, 0], "first": ["a", 0, 0]},
  "output_layers": [["stack", 0, 0], ["dense", 0, 0]]
})";

void keras_configurations_are_read() {
  Graph graph(Json::parse(keras_text));
  EXPECT(graph.wiring().input_names == std::vector<std::string>({"a", "b"}));  // by the keys of the dict
  EXPECT(graph.layers().size() == 3 && graph.wiring().nodes.size() == 4);
  const nn::Tensors xs{normal({2, 3}, 1), normal({2, 3}, 2)};
  nn::Context context{.training = true, .losses = {}};
  const auto ys = graph(xs, context);
  const auto& shared = graph.layers()[1];
  EXPECT(values_of(ys[1]) == values_of((*shared)(xs[0], context)));
  EXPECT(values_of(ys[0]) == values_of(ops::add((*shared)(xs[0], context), (*shared)(xs[1], context))));
}

/// The text with one part replaced.
Json changed(const std::string& from, const std::string& to) {
  std::string text = keras_text;
  const std::size_t at = text.find(from);
  EXPECT(at != std::string::npos);
  return Json::parse(text.replace(at, from.size(), to));
}

void hostile_configurations_are_refused() {
  const auto fails = [](const std::string& from, const std::string& to, const char* message) {
    EXPECT_THROWS(Graph(changed(from, to)), ValueError, message);
  };
  fails(R"("keras_history": ["dense", 0, 0])", R"("keras_history": ["stack", 0, 0])", "reads itself in a circle");
  fails(R"("keras_history": ["dense", 0, 0])", R"("keras_history": ["add", 0, 0])", "'add' reads itself in a circle");
  fails(R"("keras_history": ["dense", 0, 0])", R"("keras_history": ["dance", 0, 0])",
        "received 'dance', which is none");
  fails(R"("keras_history": ["dense", 1, 0])", R"("keras_history": ["dense", 2, 0])", "a use below 2, received 2");
  fails(R"("keras_history": ["dense", 1, 0])", R"("keras_history": ["dense", -1, 0])", "a use below 2, received -1");
  fails(R"("keras_history": ["dense", 1, 0])", R"("keras_history": ["dense", 9223372036854775807, 0])",
        "a use below 2");
  fails(R"("keras_history": ["dense", 1, 0])", R"("keras_history": ["dense", 18446744073709551615, 0])", "64 bits");
  fails(R"("keras_history": ["dense", 1, 0])", R"("keras_history": ["dense", 1, 1])", "an output below 1, received 1");
  fails(R"("keras_history": ["a", 0, 0])", R"("keras_history": ["a", 1, 0])", "a use below 1, received 1");
  fails(R"("keras_history": ["a", 0, 0])", R"("keras_history": ["a"])", "a tensor as [layer, node, index]");
  fails(R"("keras_history": ["a", 0, 0])", R"("keras_history": null)", "[dense] inbound_nodes");
  fails(R"("class_name": "__keras_tensor__")", R"("class_name": "tensor")", "[add] inbound_nodes: expected tensors");
  fails(R"("kwargs": {"training": false})", R"("kwargs": {"training": 1})", "keyword argument but training");
  fails(R"("kwargs": {"training": false})", R"("kwargs": {"axis": 1})", "received axis=1");
  fails(R"("kwargs": {"training": false})", R"("kwargs": [])", "[stack] inbound_nodes");
  fails(R"("name": "b", "inbound_nodes")", R"("name": "a", "inbound_nodes")", "received 'a' twice");
  fails(R"("batch_shape": [null, 3], "dtype": "float32", "sparse": false, "name": "a")", R"("name": "a")",
        "batch_shape");
  fails(R"("class_name": "Add")", R"("class_name": "Lambda")", "unknown class 'Lambda'");
  fails(R"("units": 3)", R"("units": 0)", "units >= 1");
  fails(R"("second": ["b", 0, 0], )", "", "expected 'b' among them");
  fails(R"("second": ["b", 0, 0])", R"("second": ["a", 0, 0])", "every input once");
  fails(R"("second": ["b", 0, 0])", R"("second": ["dense", 0, 0])", "expected an InputLayer, received 'dense'");
  fails(R"({"second": ["b", 0, 0], "first": ["a", 0, 0]})", "[]", "at least one input");
  fails(R"({"second": ["b", 0, 0], "first": ["a", 0, 0]})", "7", "[layer, node, index] or a list of them");
  fails(R"([["stack", 0, 0], ["dense", 0, 0]])", "[]", "at least one tensor");
  fails(R"([["stack", 0, 0], ["dense", 0, 0]])", R"([["stack", 5, 0]])", "a use below 1, received 5");
  fails(R"("output_layers")", R"("outputs")", "expected key 'output_layers'");
  fails(R"("layers": [)", R"("layers": 3, "others": [)", "array");
  // Models so deep or so often repeated in each other that calling them would never end.
  std::string text = R"({"class_name": "Dense", "name": "m", "config": {"name": "m", "units": 1}, "inbound_nodes": N})";
  const std::string tensor = R"({"class_name": "__keras_tensor__", "config": {"keras_history": ["H", 0, 0]}})";
  const auto node = [&](const char* from) {
    std::string one = R"({"args": [)" + tensor + R"(], "kwargs": {}})";
    return one.replace(one.find('H'), 1, from);
  };
  const auto used = [&](std::string model) {
    const std::string nodes = "[" + node("i") + ", " + node("m") + "]";
    return model.replace(model.rfind('N'), 1, nodes);
  };
  for (int i = 0; i < 22; ++i) {
    text = R"({"class_name": "Functional", "name": "m", "config": {"name": "m", "layers": [)" + used(text) +
           R"(, {"class_name": "InputLayer", "name": "i", "config": {"batch_shape": [null, 1]}}],
               "input_layers": ["i", 0, 0], "output_layers": ["m", 1, 0]}, "inbound_nodes": N})";
  }
  EXPECT_THROWS(Graph(Json::parse(text.replace(text.rfind('N'), 1, "[]")).at("config")), ValueError,
                "at most 1000000 calls");
}

void damaged_files_are_refused() {
  const auto graph = two_in_two_out();
  const auto path = (std::filesystem::temp_directory_path() / "ranvier_test_graph_bad.rv").string();
  const auto fails = [&](const Json& description, io::NamedTensors weights, const char* message) {
    io::Archive archive;
    archive.add("config.json", description);
    archive.add("weights.safetensors", std::move(weights));
    io::write_archive(path, archive);
    EXPECT_THROWS(nn::load_model(path), ValueError, message);
  };
  const auto weights = [&] {
    io::NamedTensors all;
    for (const auto& [name, p] : nn::named_parameters(*graph)) all.emplace_back(name, p->value);
    return all;
  };
  const Json config = graph->config();
  const auto description = [&](const char* class_name, const Json& own) {
    return Json(Config{{"class_name", class_name}, {"config", own}, {"build_input_shape", nullptr}});
  };
  fails(description("Dense", config), weights(), "expected a Sequential or a Functional, received a Dense");
  fails(description("Functional", Json(Config{})), weights(), "key 'layers'");
  fails(description("Functional", config), {}, "expected 16 weights, found 0");
  auto renamed = weights();
  renamed.front().first = "other";
  fails(description("Functional", config), std::move(renamed), "the weight 'left/kernel' is missing");
  auto resized = weights();
  resized.front().second = zeros({1}, DType::float32);
  fails(description("Functional", config), std::move(resized), "expected values of shape (7, 6)");
  std::filesystem::remove(path);
}

}  // namespace

int main() {
  graphs_come_back_from_files();
  attention_comes_back_from_files();
  what_cannot_be_saved_is_refused();
  keras_configurations_are_read();
  hostile_configurations_are_refused();
  damaged_files_are_refused();
  return ranvier::testing::result();
}
