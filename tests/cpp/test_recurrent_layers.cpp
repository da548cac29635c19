// The engine's SimpleRNN, LSTM and GRU: results, masks and states of a call, streams, states kept between batches.
// Values are compared with Keras's in tests/families, gradients in ops_cases_rnn.h.
#include <cstring>

#include "check.h"
#include "graph_support.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/nn/stream.h"
#include "ranvier/ops/reduce.h"

namespace {

using namespace ranvier;
using namespace ranvier::testing;
using nn::Context;
using nn::Layer;
using nn::Tensors;

constexpr const char* classes[] = {"SimpleRNN", "LSTM", "GRU"};

Ref<Layer> made(const std::string& class_name, std::initializer_list<std::pair<const char*, io::Json>> more) {
  io::Json config = io::Json::Object{{"name", "rnn"}, {"units", 6}};
  for (const auto& [key, value] : more) config.set(key, value);
  return nn::make_layer(class_name, config);
}

Tensor mask_of(std::initializer_list<int> steps, const Shape& shape) {
  const Tensor mask = empty(shape, DType::boolean);
  Index i = 0;
  for (const int step : steps) mask.data<bool>()[i++] = step != 0;
  return mask;
}

/// Time steps [from, to) of one sequence x (1, time, size).
Tensor piece(const Tensor& x, Index from, Index to) {
  const auto size = static_cast<std::size_t>(x.dim(2));
  return from_values<float>(
      {x.data<float>() + static_cast<std::size_t>(from) * size, static_cast<std::size_t>(to - from) * size},
      {1, to - from, x.dim(2)});
}

bool near(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return false;
  for (Index i = 0; i < a.numel(); ++i) {
    if (!(std::abs(a.data<float>()[i] - b.data<float>()[i]) <= 1e-6F)) return false;
  }
  return true;
}

void results_states_and_masks() {
  for (const char* class_name : classes) {
    const std::size_t states = std::strcmp(class_name, "LSTM") == 0 ? 2 : 1;
    const auto layer = made(class_name, {{"return_sequences", true}, {"return_state", true}});
    const Tensor x = normal({2, 4, 3}, 1);
    const Tensor mask = mask_of({1, 1, 0, 0, 0, 1, 1, 1}, {2, 4});
    x.set_mask(mask);
    Context context;
    const Tensors all = (*layer)(Tensors{x}, context);
    EXPECT(all.size() == 1 + states && all[0].shape() == Shape({2, 4, 6}) && all[1].shape() == Shape({2, 6}));
    EXPECT(all[0].mask().same_as(mask) && !all[1].has_mask());
    const float* y = all[0].data<float>();
    EXPECT(std::memcmp(y + 6, y + 18, 6 * sizeof(float)) == 0);                 // what the mask leaves out repeats
    EXPECT(std::memcmp(y + 18, all[1].data<float>(), 6 * sizeof(float)) == 0);  // the state is that of step 1
    EXPECT(y[24] == 0 && y[30] != 0);                                           // nothing has been read yet

    std::vector<std::string> arguments{"sequences"};
    arguments.resize(1 + states, "initial_state");
    arguments.emplace_back("mask");
    const auto bound = nn::bind(layer, {arguments});
    Tensors given{view(x, x.shape())};
    for (std::size_t i = 0; i < states; ++i) given.push_back(zeros({2, 6}, DType::float32));
    given.push_back(mask);
    const Tensors same = (*bound)(given, context);
    EXPECT(near(same[0], all[0]) && near(same[1], all[1]) && same[0].mask().same_as(mask));

    const auto last = made(class_name, {});
    (*last)(x, context);
    EXPECT(!(*last)(x, context).has_mask() && last->parameters().size() == 3);
  }
  // The forget gate begins open.
  const auto lstm = made("LSTM", {});
  lstm->build({-1, -1, 3});
  const float* bias = lstm->parameters()[2]->value.data<float>();
  EXPECT(bias[5] == 0 && bias[6] == 1 && bias[11] == 1 && bias[12] == 0);
  const auto gru = made("GRU", {});
  gru->build({-1, -1, 3});
  EXPECT(gru->parameters()[2]->value.shape() == Shape({2, 18}));
  const auto first = made("GRU", {{"reset_after", false}});
  first->build({-1, -1, 3});
  EXPECT(first->parameters()[2]->value.shape() == Shape({18}));
}

void pieces_are_the_whole() {
  for (const char* class_name : classes) {
    const auto below = made(class_name, {{"return_sequences", true}});
    const auto above = made(class_name, {{"return_sequences", true}});
    const auto model = make_ref<nn::Sequential>("model", std::vector<Ref<Layer>>{below, above});
    const Tensor x = normal({1, 7, 3}, 2);
    const Tensor whole = model->predict(x);
    nn::Stream stream(model);
    for (int round = 0; round < 2; ++round) {
      EXPECT(near(stream(piece(x, 0, 3)), piece(whole, 0, 3)));
      EXPECT(near(stream(piece(x, 3, 4)), piece(whole, 3, 4)));
      EXPECT(near(stream(piece(x, 4, 7)), piece(whole, 4, 7)));
      stream.reset();
    }
    // A piece that begins with masked steps repeats the output of the piece before.
    stream(piece(x, 0, 2));
    const Tensor masked = piece(x, 2, 4);
    masked.set_mask(mask_of({0, 1}, {1, 2}));
    const Tensor y = stream(masked);
    EXPECT(near(piece(y, 0, 1), piece(whole, 1, 2)));

    nn::Stream backwards(made(class_name, {{"go_backwards", true}}));
    EXPECT_THROWS(backwards(x), ValueError, "[rnn] expected layers that can go on");
  }
}

void states_are_kept_between_batches() {
  for (const char* class_name : classes) {
    const auto layer = made(class_name, {{"return_sequences", true}, {"stateful", true}});
    const Tensor x = normal({1, 6, 3}, 3);
    Context context;
    context.training = true;
    const auto free = made(class_name, {{"return_sequences", true}});
    layer->build(x.shape());
    free->build(x.shape());
    for (std::size_t i = 0; i < 3; ++i) free->parameters()[i]->assign(layer->parameters()[i]->value);
    const Tensor whole = (*free)(x, context);
    EXPECT(layer->states().empty());
    for (int round = 0; round < 2; ++round) {
      EXPECT(near((*layer)(piece(x, 0, 4), context), piece(whole, 0, 4)));
      EXPECT(near((*layer)(piece(x, 4, 6), context), piece(whole, 4, 6)));
      EXPECT_THROWS((*layer)(normal({2, 6, 3}, 4), context), ValueError,
                    "[rnn] is stateful and keeps the states of 1 sequences, received x with 2; call reset_state()");
      layer->set_states({});
    }
    EXPECT((*layer)(normal({2, 6, 3}, 4), context).dim(0) == 2);  // after a reset, any size
    const Tensors given = layer->states();
    EXPECT(given[0].shape() == Shape({2, 6}));
    EXPECT_THROWS(layer->set_states({zeros({2, 5}, DType::float32)}), ValueError, "[rnn] states: expected");

    // A step whose loss is looked at first moves the states with its update.
    std::vector<Context::Effect> effects;
    context.effects = &effects;
    const std::vector<double> before = values_of(layer->states()[0]);
    (*layer)(normal({2, 6, 3}, 5), context);
    EXPECT(values_of(layer->states()[0]) == before && effects.size() == 1);
    effects[0]();
    EXPECT(values_of(layer->states()[0]) != before);
    EXPECT_THROWS(free->set_states({}), ValueError, "stateful=True");
  }
}

// Dropped at random in training only; a replay of the record draws anew, and goes on from the states it has left.
void recorded_steps_draw_and_go_on() {
  for (const char* class_name : classes) {
    const auto layer =
        made(class_name, {{"stateful", true}, {"dropout", 0.5}, {"recurrent_dropout", 0.5}, {"seed", 7}});
    const Tensor x = full({4, 5, 3}, 1, DType::float32);
    layer->build(x.shape());
    Context context;
    context.training = true;
    const auto run = [&](bool recorded) {
      layer->set_states({});
      layer->generators()[0]->set_state(7, 0);
      std::vector<std::vector<double>> seen;
      Program program;
      Tensor y;
      for (int step = 0; step < 3; ++step) {
        if (recorded && step > 0) {
          program.replay();
        } else if (recorded) {
          const Program::Recording recording(program);
          y = (*layer)(x, context);
        } else {
          y = (*layer)(x, context);
        }
        seen.push_back(values_of(y));
      }
      return seen;
    };
    const auto eager = run(false);
    EXPECT(eager[0] != eager[1] && eager[1] != eager[2]);
    EXPECT(run(true) == eager);
    Context inference;
    layer->set_states({});
    const std::vector<double> still = values_of((*layer)(x, inference));
    layer->set_states({});
    EXPECT(values_of((*layer)(x, inference)) == still);
  }
}

void mistakes_are_named() {
  Context context;
  for (const char* class_name : classes) {
    const auto layer = made(class_name, {});
    EXPECT_THROWS((*layer)(normal({2, 3}, 1), context), ValueError, "[rnn] expected (batch, time, features)");
    EXPECT_THROWS((*layer)(zeros({2, 0, 3}, DType::float32), context), ValueError, "[rnn] expected at least one time");
    (*layer)(normal({2, 4, 3}, 1), context);
    EXPECT((*layer)(zeros({0, 4, 3}, DType::float32), context).shape() == Shape({0, 6}));
    EXPECT_THROWS((*layer)(normal({2, 4, 5}, 1), context), ValueError, "[rnn] expected 3 features (last axis)");
    const auto with_mask = nn::bind(layer, {{"sequences", "mask"}});
    EXPECT_THROWS((*with_mask)(Tensors{normal({2, 4, 3}, 1), mask_of({1, 1}, {2, 1})}, context), ValueError,
                  "[rnn] mask: expected shape");
    const auto with_state = nn::bind(layer, {{"sequences", "initial_state", "initial_state", "initial_state"}});
    const Tensor state = normal({2, 6}, 2);
    EXPECT_THROWS((*with_state)(Tensors{normal({2, 4, 3}, 1), state, state, state}, context), ValueError,
                  "[rnn] initial_state: expected");
    EXPECT_THROWS(made(class_name, {{"units", 0}}), ValueError, "[rnn] expected units >= 1, received 0");
    EXPECT_THROWS(made(class_name, {{"units", Index{1} << 62}}), ValueError, "[rnn] expected units <=");
    EXPECT_THROWS(made(class_name, {{"dropout", 1.5}}), ValueError, "[rnn] expected 0 <= dropout <= 1");
    EXPECT_THROWS(made(class_name, {{"activation", "softmax"}}), ValueError, "[rnn] expected activation");
  }
}

}  // namespace

int main() {
  results_states_and_masks();
  pieces_are_the_whole();
  states_are_kept_between_batches();
  recorded_steps_draw_and_go_on();
  mistakes_are_named();
  return ranvier::testing::result();
}
