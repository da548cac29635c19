// Graphs and data for the tests of graphs and of training them.
#pragma once

#include <map>

#include "ops_table.h"
#include "ranvier/nn/graph.h"
#include "ranvier/nn/sequential.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/random.h"
#include "ranvier/ops/reduce.h"

namespace ranvier::testing {

using Config = io::Json::Object;

inline Ref<nn::Layer> layer(const char* class_name, Config config) { return nn::make_layer(class_name, config); }

inline Ref<nn::Layer> dense(const char* name, Index units, const char* activation = "linear",
                            const char* dtype = "float32") {
  return layer("Dense", {{"name", name}, {"units", units}, {"activation", activation}, {"dtype", dtype}});
}

inline Tensor normal(const Shape& shape, std::uint64_t seed, DType dtype = DType::float32) {
  Generator g(seed);
  return ops::random_normal(shape, 0, 1, false, dtype, g);
}

/// Two inputs (7 and 5 features) through one shared layer each for both, a residual connection, a model inside, dropout,
/// and two outputs: 4 classes and 1 number.
inline Ref<nn::Graph> two_in_two_out() {
  set_random_seed(5);
  auto inner = make_ref<nn::Sequential>(
      "inner", std::vector{dense("dense", 6, "gelu"), layer("BatchNormalization", {{"name", "norm"}})});
  std::vector<Ref<nn::Layer>> layers{
      dense("left", 6, "tanh"),
      dense("right", 6, "tanh"),
      layer("Dense", {{"name", "shared"},
                      {"units", 6},
                      {"activation", "relu"},
                      {"kernel_regularizer", Config{{"class_name", "L2"}, {"config", Config{{"l2", 0.01}}}}}}),
      layer("Add", {{"name", "add"}}),
      inner,
      layer("Dropout", {{"name", "dropout"}, {"rate", 0.25}}),
      layer("Concatenate", {{"name", "concatenate"}}),
      layer("Dense", {{"name", "classes"},
                      {"units", 4},
                      {"activation", "softmax"},
                      {"activity_regularizer", Config{{"class_name", "L2"}, {"config", Config{{"l2", 0.1}}}}}}),
      dense("number", 1)};
  // values: 0 x, 1 z, 2 left, 3 right, 4 shared(left), 5 shared(right), 6 add, 7 inner, 8 dropout, 9 concatenate, …
  auto graph = make_ref<nn::Graph>(
      "graph",
      nn::Wiring{
          std::move(layers),
          {{0, {0}}, {1, {1}}, {2, {2}}, {2, {3}}, {3, {2, 4, 5}}, {4, {6}}, {5, {7}}, {6, {8, 5}}, {7, {9}}, {8, {6}}},
          2,
          {10, 11}});
  graph->build(nn::Shapes{{-1, 7}, {-1, 5}});
  return graph;
}

inline std::vector<double> weights_of(const nn::Layer& model) {
  std::vector<double> all;
  for (const auto& p : model.parameters()) {
    const std::vector<double> own = values_of(p->value);
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

}  // namespace ranvier::testing
