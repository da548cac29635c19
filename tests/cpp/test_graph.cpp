// Graphs: values, gradients, memory, errors.

#include <limits>

#include "check.h"
#include "graph_support.h"

namespace {

using namespace ranvier;
using namespace ranvier::testing;
using nn::Graph;
using nn::GraphNode;
using nn::Shapes;
using nn::Wiring;
using Layers = std::vector<Ref<nn::Layer>>;

void values_are_those_of_the_layers() {
  const auto graph = two_in_two_out();
  const Tensor x = normal({3, 7}, 1);
  const Tensor z = normal({3, 5}, 2);
  const auto& l = graph->layers();
  nn::Context context;
  const auto run = [&](std::size_t i, const Tensor& a) { return (*l[i])(a, context); };
  const Tensor left = run(0, x);
  const Tensor b = run(2, run(1, z));
  const Tensor sum = (*l[3])(nn::Tensors{left, run(2, left), b}, context)[0];
  const Tensor classes = run(7, (*l[6])(nn::Tensors{run(4, sum), b}, context)[0]);
  const auto found = graph->predict(nn::Tensors{x, z});
  EXPECT(found.size() == 2);
  EXPECT(values_of(found[0]) == values_of(classes));
  EXPECT(values_of(found[1]) == values_of(run(8, sum)));
  const Shapes shapes = graph->output_shapes({{-1, 7}, {-1, 5}});
  EXPECT(shapes.size() == 2 && shapes[0] == Shape({-1, 4}) && shapes[1] == Shape({-1, 1}));
  EXPECT(graph->parameters().size() == 2 * 6 + 4);  // the shared layer's once
  EXPECT(graph->generators().size() == 1);
  EXPECT(graph->outputs() == 2);
}

/// Σ over all outputs of output·weights, with weights that tell the elements apart.
Tensor scalar_of(const nn::Tensors& outputs) {
  Tensor total = full({}, 0, DType::float64);
  std::uint64_t seed = 40;
  for (const Tensor& y : outputs) {
    total = ops::add(total, ops::sum(ops::multiply(y, normal(y.shape(), ++seed, DType::float64))));
  }
  return total;
}

/// Compares the gradients of all inputs and weights with central differences.
void check_gradients(nn::Layer& layer, const nn::Tensors& inputs, double tolerance = 1e-6) {
  const auto run = [&] {
    nn::Context context;
    return scalar_of(layer(inputs, context));
  };
  run();  // builds
  std::vector<Tensor> leaves;
  for (const Tensor& x : inputs) {
    Leaf::require_grad(x);
    leaves.push_back(x);
  }
  for (const auto& p : layer.trainable_parameters()) leaves.push_back(p->value);
  for (const Tensor& leaf : leaves) Leaf::clear_grad(leaf);
  backward(run());
  const double step = 1e-6;
  for (const Tensor& leaf : leaves) {
    const std::vector<double> gradient = values_of(Leaf::settled_grad(leaf));
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      double& value = leaf.data<double>()[i];
      const double kept = value;
      const NoGrad no_history;
      value = kept + step;
      const double above = item(run());
      value = kept - step;
      const double below = item(run());
      value = kept;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * step), tolerance * std::max(1.0, std::abs(gradient[i])));
    }
    Leaf::clear_grad(leaf);
  }
  for (const Tensor& x : inputs) Leaf::drop(x);
}

void gradients_of_shared_layers_and_several_outputs() {
  set_random_seed(9);
  const auto f64 = [](const char* name, Index units, const char* activation) {
    return dense(name, units, activation, "float64");
  };
  // x and z share a layer, its results are read three times, one result is also an output, one layer is used twice in
  // a row, and one input goes straight into a product.
  Graph graph("g", Wiring{Layers{f64("shared", 4, "tanh"), layer("Add", {{"name", "add"}, {"dtype", "float64"}}),
                                 f64("twice", 4, "sigmoid"), layer("Multiply", {{"name", "m"}, {"dtype", "float64"}}),
                                 f64("last", 2, "linear")},
                          {{0, {0}}, {0, {1}}, {1, {2, 3, 2}}, {2, {4}}, {2, {5}}, {3, {6, 2, 1}}, {4, {7}}},
                          2,
                          {3, 8, 4}});
  check_gradients(graph, {normal({3, 4}, 1, DType::float64), normal({3, 4}, 2, DType::float64)});
}

void gradients_of_merging_layers() {
  const auto x = [](const Shape& shape, std::uint64_t seed) { return normal(shape, seed, DType::float64); };
  const auto check = [&](const char* class_name, Config config, const nn::Tensors& inputs, const Shape& shape) {
    config.emplace_back("name", "m");
    config.emplace_back("dtype", "float64");
    const auto merging = layer(class_name, config);
    Shapes shapes;
    for (const Tensor& input : inputs) shapes.push_back(input.shape());
    nn::Context context;
    EXPECT(merging->output_shapes(shapes)[0] == shape);
    EXPECT((*merging)(inputs, context)[0].shape() == shape);
    check_gradients(*merging, inputs);
  };
  const nn::Tensors alike{x({2, 3, 2}, 1), x({2, 3, 2}, 2), x({2, 3, 2}, 3)};
  const nn::Tensors ranks{x({2, 3}, 1), x({2, 4, 1}, 2), x({2, 1, 3}, 3)};  // the first becomes (2, 1, 3)
  for (const char* name : {"Add", "Average", "Multiply", "Maximum", "Minimum"}) {
    check(name, {}, alike, {2, 3, 2});
    check(name, {}, ranks, {2, 4, 3});
    check(name, {}, {alike[0]}, {2, 3, 2});
  }
  check("Subtract", {}, {alike[0], alike[1]}, {2, 3, 2});
  check("Subtract", {}, {ranks[1], ranks[0]}, {2, 4, 3});
  check("Concatenate", {}, {x({2, 3, 2}, 1), x({2, 3, 1}, 2)}, {2, 3, 3});
  check("Concatenate", {{"axis", 1}}, {x({2, 3, 2}, 1), x({2, 1, 2}, 2), x({2, 2, 2}, 3)}, {2, 6, 2});
  for (const bool unit : {false, true}) {
    check("Dot", {{"axes", 1}, {"normalize", unit}}, {x({3, 4}, 1), x({3, 4}, 2)}, {3, 1});
    check("Dot", {{"axes", io::Json::Array{2, 1}}, {"normalize", unit}}, {x({2, 3, 4}, 1), x({2, 4, 5}, 2)}, {2, 3, 5});
    check("Dot", {{"axes", io::Json::Array{1, -1}}, {"normalize", unit}}, {x({2, 3, 2}, 1), x({2, 3}, 2)}, {2, 2});
    check("Dot", {{"axes", io::Json::Array{1, 2}}, {"normalize", unit}}, {x({2, 3, 2, 2}, 1), x({2, 4, 3}, 2)},
          {2, 2, 2, 4});
  }
  const auto equal = layer("Maximum", {{"name", "m"}, {"dtype", "float64"}});
  nn::Context context;
  const Tensor empty_batch = (*equal)(nn::Tensors{x({0, 3}, 1), x({0, 3}, 2)}, context)[0];
  EXPECT(empty_batch.shape() == Shape({0, 3}));
}

void merging_layers_refuse_what_does_not_fit() {
  nn::Context context;
  const auto fails = [&](const char* name, Config config, const std::vector<Shape>& shapes, const char* text) {
    config.emplace_back("name", "m");
    const auto merging = layer(name, config);
    nn::Tensors xs;
    for (const Shape& shape : shapes) xs.push_back(zeros(shape, DType::float32));
    EXPECT_THROWS((*merging)(xs, context), ValueError, text);
    EXPECT_THROWS(merging->build(shapes), ValueError, text);
    EXPECT(!merging->built());
  };
  fails("Add", {}, {{2, 3}, {2, 4}}, "[m] expected inputs whose sizes are equal or 1 on every axis, received shapes");
  fails("Add", {}, {{2, 3}, {1, 3}}, "[m] expected inputs of the same batch size, received shapes (2, 3) and (1, 3)");
  fails("Add", {}, {}, "at least one input");
  fails("Add", {}, {{2, 3}, {}}, "batch axis");
  fails("Subtract", {}, {{2, 3}}, "[m] expected a list of exactly 2 inputs, received 1");
  fails("Concatenate", {}, {{2, 3}, {2, 3, 1}}, "all axes but axis -1, received shapes (2, 3) and (2, 3, 1)");
  fails("Concatenate", {{"axis", 1}}, {{2, 3, 4}, {2, 1, 5}}, "all axes but axis 1");
  fails("Concatenate", {{"axis", 5}}, {{2, 3}, {2, 3}}, "axis");
  fails("Dot", {{"axes", 1}}, {{2, 3}, {2, 4}}, "[m] expected the same size on axis 1 of the first and axis 1");
  fails("Dot", {{"axes", -2}}, {{2, 3}, {2, 3}}, "axes other than 0");
  fails("Dot", {{"axes", 1}}, {{2}, {2}}, "rank 2 or more");
  EXPECT_THROWS(layer("Dot", {{"name", "m"}, {"axes", 0}}), ValueError, "axes other than 0, the batch");
  EXPECT_THROWS(layer("Dot", {{"name", "m"}, {"axes", "all"}}), ValueError, "axes as one integer or two");
  const auto join = layer("Concatenate", {{"name", "m"}});
  constexpr Index huge = std::numeric_limits<Index>::max() / 2 + 1;
  EXPECT_THROWS(join->build(Shapes{{-1, huge}, {-1, huge}}), ValueError, "memory can address");
}

/// Hands x on; remembers its storage, or asks how many hold the one that another remembered.
class Probe final : public nn::Layer {
 public:
  explicit Probe(const Probe* other) : Layer(io::Json(Config{{"name", "probe"}})), other_(other) {}
  Ref<Storage> seen;
  int holders = 0;

 protected:
  Tensor call(const Tensor& x, nn::Context&) override {
    seen = x.impl()->storage;
    if (other_ != nullptr) holders = other_->seen->use_count();
    return ops::multiply(x, full({}, 2, x.dtype()));
  }

 private:
  const Probe* other_;
};

void values_are_freed_after_their_last_reader() {
  // probe → add(x, probe) → dense → second probe: when the last one runs, what the first one read is gone.
  const auto first = make_ref<Probe>(nullptr);
  const auto second = make_ref<Probe>(first.get());
  Graph graph("g", Wiring{Layers{dense("start", 4), first, layer("Add", {{"name", "add"}}), dense("dense", 4), second},
                          {{0, {0}}, {1, {1}}, {2, {1, 2}}, {3, {3}}, {4, {4}}},
                          1,
                          {5}});
  graph.predict(normal({2, 4}, 1));
  graph.predict(normal({2, 4}, 1));
  EXPECT(second->holders == 1);  // the probe itself
}

void training_can_be_overridden() {
  const auto drop = layer("Dropout", {{"name", "drop"}, {"rate", 0.5}});
  Graph graph("g", Wiring{Layers{drop}, {{0, {0}, 1, false}, {0, {0}}, {0, {0}, 1, true}}, 1, {1, 2, 3}});
  const Tensor x = full({4, 50}, 1, DType::float32);
  for (const bool training : {false, true}) {
    nn::Context context{.training = training, .losses = {}};
    const auto ys = graph(nn::Tensors{x}, context);
    EXPECT(values_of(ys[0]) == values_of(x));
    EXPECT((values_of(ys[1]) == values_of(x)) != training);
    EXPECT(values_of(ys[2]) != values_of(x));
    EXPECT(context.training == training);
  }
}

void dtypes_meet() {
  // a float64 layer after a float32 one, and an integer input that goes to both and out again
  Graph graph("g",
              Wiring{Layers{dense("a", 3), dense("b", 2, "linear", "float64")}, {{0, {0}}, {1, {1}}}, 1, {2, 1, 0}});
  const auto ys = graph.predict(nn::Tensors{full({2, 3}, 1, DType::int64)});
  EXPECT(ys[0].dtype() == DType::float64 && graph.output_dtype_at(0) == DType::float64);
  EXPECT(ys[1].dtype() == DType::float32 && graph.output_dtype_at(1) == DType::float32);
  EXPECT(ys[2].dtype() == DType::float32 && graph.output_dtype_at(2) == DType::float32);
  EXPECT(graph.input_dtype(true) == DType::float32);
}

void wrong_wiring_is_refused() {
  const auto d = dense("d", 2);
  const auto make = [](Wiring wiring) { return make_ref<Graph>("g", std::move(wiring)); };
  EXPECT_THROWS(make({{d}, {{1, {0}}}, 1, {1}}), ValueError, "[g] node 0: expected a layer below 1, received 1");
  EXPECT_THROWS(make({{d}, {{0, {1}}}, 1, {1}}), ValueError, "[g] node 0 (d): expected a value below 1, received 1");
  EXPECT_THROWS(make({{d}, {{0, {0}}}, 1, {2}}), ValueError, "[g] outputs: expected a value below 2, received 2");
  EXPECT_THROWS(make({{d}, {{0, {}}}, 1, {1}}), ValueError, "at least one input");
  EXPECT_THROWS(make({{d}, {{0, {0}}}, 1, {}}), ValueError, "at least one output");
  EXPECT_THROWS(make({{d}, {{0, {0}}}, 0, {0}}), ValueError, "at least one input");
  EXPECT_THROWS(make({{nullptr}, {}, 1, {0}}), TypeError, "expected layers, received None");
  const std::size_t huge = static_cast<std::size_t>(1) << 60U;
  EXPECT_THROWS(make({{d}, {{0, {0}, huge}}, 1, {1}}), ValueError, "at most 1000000 values");
  EXPECT_THROWS(make({{d}, {{0, {0}}}, huge, {1}}), ValueError, "at most 1000000 inputs");
  EXPECT_THROWS(make({{d}, {{0, {0}, 2}}, 1, {1, 2}})->predict(zeros({1, 2}, DType::float32)), ValueError, "[d]");

  const auto graph = two_in_two_out();
  const Tensor x = zeros({2, 7}, DType::float32);
  EXPECT_THROWS(graph->predict(x), ValueError, "[graph] expected 2 inputs, received 1");
  EXPECT_THROWS(graph->predict(nn::Tensors{x, x}), ValueError, "[right] expected 5 features");
  EXPECT_THROWS(d->predict(nn::Tensors{x, x}), ValueError, "[d] expected one input, received 2");
  EXPECT_THROWS(d->build(Shapes{}), ValueError, "[d] expected at least one input shape");
  EXPECT_THROWS(make({{d}, {{0, {0}}}, 1, {0, 1}})->predict(zeros({1, 2}, DType::float32)), ValueError,
                "expected to give one output");
}

void nesting_is_bounded() {
  // 100 models, each holding the one before it as `wrap` puts it
  const auto nest = [](auto wrap) {
    Ref<nn::Layer> model = dense("d", 2);
    for (int i = 0; i < 100; ++i) model = wrap(model);
  };
  const auto graph = [](const auto& layer) -> Ref<nn::Layer> {
    return make_ref<Graph>("g", Wiring{{layer}, {{0, {0}}}, 1, {1}});
  };
  const auto twice = [](const auto& layer) -> Ref<nn::Layer> {
    return make_ref<Graph>("g", Wiring{{layer}, {{0, {0}}, {0, {1}}}, 1, {2}});
  };
  const auto stack = [](const auto& layer) -> Ref<nn::Layer> { return make_ref<nn::Sequential>("s", Layers{layer}); };
  EXPECT_THROWS(nest(graph), ValueError, "at most 64 models inside each other");
  EXPECT_THROWS(nest(stack), ValueError, "at most 64 models inside each other");
  EXPECT_THROWS(nest(twice), ValueError, "at most 1000000 calls of layers");
}

void a_weight_reached_on_two_ways_is_listed_once() {
  const auto inner = dense("inner", 3);
  const auto block = make_ref<nn::Sequential>("block", Layers{inner});
  Graph graph("g", Wiring{Layers{inner, block}, {{0, {0}}, {1, {1}}}, 1, {2}});
  graph.build(Shape{-1, 3});
  EXPECT(graph.parameters().size() == 2);
  const auto named = nn::named_parameters(graph);
  EXPECT(named.size() == 4 && named[0].first == "inner/kernel" && named[2].first == "block/inner/kernel");
}

}  // namespace

int main() {
  values_are_those_of_the_layers();
  gradients_of_shared_layers_and_several_outputs();
  gradients_of_merging_layers();
  merging_layers_refuse_what_does_not_fit();
  values_are_freed_after_their_last_reader();
  training_can_be_overridden();
  dtypes_meet();
  wrong_wiring_is_refused();
  nesting_is_bounded();
  a_weight_reached_on_two_ways_is_listed_once();
  return ranvier::testing::result();
}
