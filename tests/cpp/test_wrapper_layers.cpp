// Layers around others: what they are made from, files, recorded steps, mistakes. Values are compared with Keras's in
// tests/families/recurrent.py.
#include <cstdio>
#include <filesystem>

#include "check.h"
#include "graph_support.h"
#include "ranvier/nn/model_file.h"
#include "ranvier/nn/sequential.h"
#include "ranvier/nn/wrapper_layers.h"

namespace {

using namespace ranvier;
using namespace ranvier::testing;
using io::Json;
using nn::Context;
using nn::Layer;
using Object = Json::Object;

Json record(const char* class_name, Object config) {
  return Object{{"class_name", class_name}, {"config", std::move(config)}};
}

Object recurrent(const char* name, Index units, bool backwards = false) {
  return {{"name", name}, {"units", units}, {"return_sequences", true}, {"go_backwards", backwards}};
}

/// (time, 3) to (time, 2): every wrapper, one after the other.
Ref<nn::Sequential> all_of_them() {
  const auto model = make_ref<nn::Sequential>();
  model->add("Bidirectional", {{"layer", record("LSTM", recurrent("forward", 3))},
                               {"backward_layer", record("GRU", recurrent("backward", 2, true))},
                               {"merge_mode", "concat"}});
  model->add("TimeDistributed", {{"layer", record("Dense", {{"name", "dense"}, {"units", 4}})}});
  const Json::Array cells{record("LSTMCell", {{"name", "lower"}, {"units", 3}}),
                          record("SimpleRNNCell", {{"name", "upper"}, {"units", 2}})};
  model->add("RNN", {{"cell", record("StackedRNNCells", {{"name", "stack"}, {"cells", cells}})},
                     {"return_sequences", true},
                     {"go_backwards", true}});
  model->build(Shape{-1, 5, 3});
  return model;
}

bool same(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return false;
  return std::equal(a.data<float>(), a.data<float>() + a.numel(), b.data<float>());
}

void configs_and_files_hold_what_is_inside() {
  const auto model = all_of_them();
  const Tensor x = normal({4, 5, 3}, 1);
  const Tensor expected = model->predict(x);
  EXPECT(expected.shape() == Shape({4, 5, 2}));
  EXPECT(model->parameters().size() == 3 + 3 + 2 + 3 + 3);

  const auto again = nn::make_layer("Sequential", model->config());
  again->build(Shape{-1, 5, 3});
  const auto from = model->parameters();
  const auto to = again->parameters();
  EXPECT(from.size() == to.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i]->assign(from[i]->value);
  EXPECT(same(again->predict(x), expected));

  const auto path = (std::filesystem::temp_directory_path() / "test_wrapper_layers.rv").string();
  nn::save_model(*model, path);
  EXPECT(same(nn::load_model(path)->predict(x), expected));
  std::remove(path.c_str());
}

void freezing_reaches_what_is_inside() {
  const auto model = all_of_them();
  model->set_trainable(false);
  EXPECT(model->trainable_parameters().empty());
  model->set_trainable(true);
  EXPECT(model->trainable_parameters().size() == 14);
}

void cells_over_a_sequence_are_their_steps() {
  const auto cell = nn::make_layer("GRUCell", Object{{"name", "cell"}, {"units", 4}});
  const auto layer = nn::wrap("RNN", Object{{"name", "rnn"}}, {cell});
  const Tensor x = normal({2, 1, 3}, 2);
  Context context;
  const Tensor last = (*layer)(x, context);
  const Tensor step = (*cell)(nn::Tensors{view(x, {2, 3})}, context)[0];
  EXPECT(same(last, step));
}

void mistakes_are_named() {
  const auto dense = [] { return nn::make_layer("Dense", Object{{"name", "dense"}, {"units", 2}}); };
  const Json config = Object{{"name", "outer"}};
  EXPECT_THROWS(nn::wrap("RNN", config, {dense()}), ValueError, "[outer] expected cells inside, received a Dense");
  EXPECT_THROWS(nn::wrap("Bidirectional", config, {dense(), dense()}), ValueError, "[outer] expected recurrent layers");
  EXPECT_THROWS(nn::wrap("Bidirectional", config, {dense()}), ValueError, "[outer] expected 2 layers inside");
  EXPECT_THROWS(nn::wrap("Dense", config, {dense()}), ValueError, "layer: 'Dense' is no layer around others");
  EXPECT_THROWS(nn::make_layer("TimeDistributed", config), ValueError, "expected key 'layer'");
  const auto steps = nn::wrap("TimeDistributed", config, {dense()});
  Context context;
  EXPECT_THROWS((*steps)(normal({2, 3}, 1), context), ValueError, "[outer] expected (batch, time, ...)");
  EXPECT_THROWS((*steps)(zeros({2, 0, 3}, DType::float32), context), ValueError, "[outer] expected at least one time");
  EXPECT((*steps)(zeros({0, 2, 3}, DType::float32), context).shape() == Shape({0, 2, 2}));
}

}  // namespace

int main() {
  configs_and_files_hold_what_is_inside();
  freezing_reaches_what_is_inside();
  cells_over_a_sequence_are_their_steps();
  mistakes_are_named();
  return ranvier::testing::result();
}
