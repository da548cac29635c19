// Layers that compute together give what they give one by one: random chains in training and inference, gradients,
// penalties and moving averages included; replayed recordings; the name in complaints.
#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"
#include "ranvier/nn/graph.h"
#include "ranvier/nn/sequential.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/reduce.h"

namespace ranvier::testing {
namespace {

using Config = io::Json::Object;
using Layers = std::vector<Ref<nn::Layer>>;

struct Chain {
  Layers layers;
  Tensor x;
  std::string text;  ///< for messages
};

class Dice {
 public:
  explicit Dice(unsigned seed) : generator_(seed) {}
  Index operator()(Index low, Index high) {
    return low + static_cast<Index>(generator_() % static_cast<unsigned>(high - low + 1));
  }
  bool one_in(Index n) { return (*this)(1, n) == 1; }

 private:
  std::mt19937 generator_;
};

void fill_weights(const Layers& layers, unsigned seed) {
  Generator g(seed);
  for (const auto& layer : layers) {
    for (const auto& p : layer->parameters()) {
      const bool spread = p->name == "moving_variance";
      p->assign(spread ? ops::random_uniform(p->value.shape(), 0.5, 2, p->value.dtype(), g)
                       : ops::random_normal(p->value.shape(), 0, 0.7, false, p->value.dtype(), g));
    }
  }
}

Chain random_chain(unsigned seed) {
  Dice dice(seed);
  const bool first = dice.one_in(4);
  const bool images = !dice.one_in(4);
  const char* dtype = dice.one_in(3) ? "float32" : "float64";
  Chain chain;
  const auto add = [&](const char* name, Config config) {
    config.emplace_back("name", concat_text("layer_", chain.layers.size()));
    config.emplace_back("dtype", dtype);
    if (dice.one_in(8)) {
      config.emplace_back("activity_regularizer", Config{{"class_name", "L2"}, {"config", Config{{"l2", 0.01}}}});
    }
    if (dice.one_in(8)) config.emplace_back("trainable", false);
    chain.text += concat_text(chain.text.empty() ? "" : " ", name);
    chain.layers.push_back(nn::make_layer(name, io::Json(std::move(config))));
  };
  const char* format = first ? "channels_first" : "channels_last";
  for (Index n = dice(2, 6), i = 0; i < n; ++i) {
    switch (dice(0, 4)) {
      case 0:
      case 1: {
        const char* activation = dice.one_in(3) ? "tanh" : "linear";
        if (!images) {
          add("Dense", {{"units", dice(1, 9)}, {"activation", activation}, {"use_bias", !dice.one_in(3)}});
          break;
        }
        Config config{{"kernel_size", dice(1, 3)},
                      {"padding", "same"},
                      {"data_format", format},
                      {"activation", activation},
                      {"use_bias", !dice.one_in(3)}};
        const Index kind = dice(0, 4);
        if (kind == 0) {
          config.emplace_back("depth_multiplier", dice(1, 3));
          add("DepthwiseConv2D", config);
        } else {
          config.emplace_back("filters", dice(1, 9));
          add(kind == 1 ? "Conv2DTranspose" : kind == 2 ? "SeparableConv2D" : "Conv2D", config);
        }
        break;
      }
      case 2:
        add("BatchNormalization", {{"axis", images && first && !dice.one_in(5) ? 1 : -1},
                                   {"scale", !dice.one_in(4)},
                                   {"center", !dice.one_in(4)}});
        break;
      default: {
        const Index kind = dice(0, 6);
        if (kind == 0) add("ReLU", {{"max_value", dice.one_in(2) ? 6.0 : 0.4}});
        if (kind == 1) add("LeakyReLU", {});
        if (kind == 2) add("ReLU", {{"threshold", 0.2}});
        if (kind >= 3) add("Activation", {{"activation", kind == 3 ? "sigmoid" : kind == 4 ? "gelu" : "relu"}});
      }
    }
  }
  Generator g(seed);
  const Shape shape = images ? Shape{dice(1, 3), dice(1, 6), dice(1, 6), dice(1, 6)} : Shape{dice(1, 9), dice(1, 6)};
  chain.x = ops::random_normal(shape, 0, 1, false, dtype_from_name(dtype), g);
  Shape built = shape;
  built[0] = -1;
  for (const auto& layer : chain.layers) {
    layer->build(built);
    built = layer->output_shape(built);
  }
  fill_weights(chain.layers, seed);
  return chain;
}

std::vector<double> values_of(const Tensor& x) {
  const Tensor wide = ops::cast(x, DType::float64);
  return {wide.data<double>(), wide.data<double>() + wide.numel()};
}

/// Everything a call leaves behind: y, penalties, moving averages, and with history the gradients.
std::vector<std::vector<double>> outcome(const Chain& chain, const std::function<Tensor(nn::Context&)>& call,
                                         bool training, bool history, unsigned seed) {
  fill_weights(chain.layers, seed);
  const NoGrad mode(!history);
  std::vector<nn::Context::Effect> effects;
  nn::Context context;
  context.training = training;
  context.effects = &effects;
  if (history) Leaf::require_grad(chain.x);
  const Tensor y = call(context);
  std::vector<std::vector<double>> all{values_of(y)};
  for (const Tensor& loss : context.losses) all.push_back(values_of(loss));
  if (history) {
    Generator g(seed + 1);
    Tensor total = ops::sum(ops::multiply(y, ops::random_normal(y.shape(), 0, 1, false, y.dtype(), g)));
    for (const Tensor& loss : context.losses) total = ops::add(total, loss);
    backward(total);
    all.push_back(values_of(Leaf::settled_grad(chain.x)));
    Leaf::drop(chain.x);
    for (const auto& layer : chain.layers) {
      for (const auto& p : layer->trainable_parameters()) {
        all.push_back(values_of(Leaf::settled_grad(p->value)));
        Leaf::clear_grad(p->value);
      }
    }
  }
  for (const auto& effect : effects) effect();
  for (const auto& layer : chain.layers) {
    for (const auto& p : layer->parameters()) all.push_back(values_of(p->value));
  }
  return all;
}

void expect_near(const std::vector<std::vector<double>>& got, const std::vector<std::vector<double>>& expected,
                 double tolerance, const std::string& what) {
  report(got.size() == expected.size(), __FILE__, __LINE__, what + ": another number of results");
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    double largest = 1;
    for (const double v : expected[i]) largest = std::max(largest, std::abs(v));
    bool near = got[i].size() == expected[i].size();
    for (std::size_t j = 0; near && j < got[i].size(); ++j) {
      near = std::abs(got[i][j] - expected[i][j]) <= tolerance * largest;
    }
    report(near, __FILE__, __LINE__, concat_text(what, ": result ", i, " differs"));
  }
}

void chains() {
  for (unsigned seed = 0; seed < 1500; ++seed) {
    const Chain chain = random_chain(seed);
    const Ref<nn::Sequential> model = make_ref<nn::Sequential>("together", chain.layers);
    model->build(chain.x.shape());
    for (const auto& [training, history] : {std::pair{false, false}, {false, true}, {true, true}}) {
      const auto alone = [&](nn::Context& context) {
        Tensor y = chain.x;
        for (const auto& layer : chain.layers) y = (*layer)(y, context);
        return y;
      };
      // a folded normalisation rounds differently, and a small variance enlarges that
      const double tolerance = chain.x.dtype() == DType::float32 ? 2e-4 : 1e-10;
      expect_near(outcome(
                      chain, [&](nn::Context& context) { return (*model)(chain.x, context); }, training, history, seed),
                  outcome(chain, alone, training, history, seed), tolerance,
                  concat_text("seed ", seed, training ? " training: " : ": ", chain.text));
    }
  }
}

Ref<nn::Layer> layer(const char* name, Config config) { return nn::make_layer(name, io::Json(std::move(config))); }

Layers block(Index filters = 8) {
  return {layer("Conv2D", {{"name", "conv"}, {"filters", filters}, {"kernel_size", 3}, {"padding", "same"}}),
          layer("BatchNormalization", {{"name", "norm"}}), layer("ReLU", {{"name", "relu"}})};
}

Tensor images(unsigned seed) {
  Generator g(seed);
  return ops::random_normal({4, 9, 9, 3}, 0, 1, false, DType::float32, g);
}

// The folded weights are made in every replay: they follow the weights.
void replays() {
  const Ref<nn::Sequential> model = make_ref<nn::Sequential>("model", block());
  const Tensor x = images(1);
  model->build(x.shape());
  fill_weights(model->layers(), 1);
  Program program;
  Tensor y;
  {
    const NoGrad values_only;
    Program::Recording recording(program);
    nn::Context context;
    y = (*model)(x, context);
  }
  EXPECT(program.size() == 2);  // the folding, the convolution
  copy_into(x, images(2));
  fill_weights(model->layers(), 2);
  program.replay();
  EXPECT(values_of(y) == values_of(model->predict(x)));
}

// What is computed together can be seen by the number of recorded calls.
std::size_t calls(const Ref<nn::Layer>& model, bool training, bool history, const Tensor& x = images(1)) {
  Program program;
  const NoGrad mode(!history);
  std::vector<nn::Context::Effect> effects;
  nn::Context context;
  context.training = training;
  context.effects = &effects;
  model->build(x.shape());
  Program::Recording recording(program);
  (*model)(x, context);
  return program.size();
}

void what_is_joined() {
  const auto sequence = [](Layers layers) -> Ref<nn::Layer> { return make_ref<nn::Sequential>("model", layers); };
  EXPECT(calls(sequence(block()), false, false) == 2);
  EXPECT(calls(sequence(block()), false, true) == 2);  // convolution, normalisation with ReLU
  EXPECT(calls(sequence(block()), true, true) == 3);   // and the moments
  EXPECT(calls(sequence({block()[0], block()[2]}), true, true) == 1);
  Layers penalised = block();
  penalised[1] = layer("BatchNormalization",
                       {{"activity_regularizer", Config{{"class_name", "L1"}, {"config", Config{{"l1", 0.1}}}}}});
  EXPECT(calls(sequence(penalised), false, false) == 4);  // the penalty too
  Layers frozen = block();
  frozen[1]->set_trainable(false);
  EXPECT(calls(sequence(frozen), true, false) == 2);  // statistics of the past, also in training

  // A large kernel for few results is cheaper left alone, which gives the same bits as the layers one by one.
  Generator g(1);
  const Layers dense{layer("Dense", {{"units", 50}}), layer("BatchNormalization", {})};
  const Tensor row = ops::random_normal({1, 40}, 0, 1, false, DType::float32, g);
  const Ref<nn::Layer> model = sequence(dense);
  model->build(row.shape());
  fill_weights(dense, 1);
  EXPECT(values_of(model->predict(row)) == values_of(dense[1]->predict(dense[0]->predict(row))));

  // In a graph a value that others read as well is made.
  const auto graph = [](std::vector<std::size_t> outputs) -> Ref<nn::Layer> {
    return make_ref<nn::Graph>("graph", nn::Wiring{block(), {{0, {0}}, {1, {1}}, {2, {2}}}, 1, std::move(outputs)});
  };
  const auto graph_calls = [&](std::vector<std::size_t> outputs) {
    const Ref<nn::Layer> wired = graph(std::move(outputs));
    const nn::Tensors xs{images(1)};
    wired->build(nn::Shapes{xs[0].shape()});
    Program program;
    const NoGrad values_only;
    nn::Context context;
    Program::Recording recording(program);
    (*wired)(xs, context);
    return program.size();
  };
  EXPECT(graph_calls({3}) == 2);
  EXPECT(graph_calls({2, 3}) == 3);  // folding, convolution, ReLU
  EXPECT(graph_calls({1, 3}) == 2);  // convolution, normalisation with ReLU
}

void complaints() {
  const Ref<nn::Sequential> model = make_ref<nn::Sequential>("model", block());
  model->build({-1, 9, 9, 3});
  EXPECT_THROWS(model->predict(empty({2, 9, 9, 4}, DType::float32)), ValueError, "[conv] expected 3 channels");
  const Ref<nn::Sequential> tail = make_ref<nn::Sequential>("tail", Layers{block()[1], block()[2]});
  tail->build({-1, 9, 9, 3});
  EXPECT_THROWS(tail->predict(empty({2, 9, 9, 4}, DType::float32)), ValueError, "[norm] expected rank 4");
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  chains();
  replays();
  what_is_joined();
  complaints();
  return result();
}
