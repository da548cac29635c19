// The recorded training step: equal to the eager one bit for bit, without allocations, on any number of threads.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <vector>

#include "check.h"
#include "heap_calls.h"
#include "ranvier/core/parallel.h"
#include "ranvier/nn/model_file.h"
#include "ranvier/nn/trainer.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"

namespace {

using namespace ranvier;
using Config = io::Json::Object;

const io::Json mean_reduction = Config{{"reduction", "sum_over_batch_size"}};

struct Data {
  Tensor x;
  Tensor y;
  std::vector<Index> order;
};

Data make_data(Index rows, Index features, bool labels) {
  Generator g(11);
  Data data{ops::random_normal({rows, features}, 0, 1, false, DType::float32, g), Tensor(), {}};
  data.y =
      labels ? ops::random_integers({rows}, 0, 4, g) : ops::random_normal({rows, 1}, 0, 1, false, DType::float32, g);
  data.order.resize(static_cast<std::size_t>(rows));
  std::iota(data.order.begin(), data.order.end(), Index{0});
  return data;
}

Ref<nn::Sequential> make_model(Index outputs) {
  set_random_seed(5);
  auto model = make_ref<nn::Sequential>();
  model->add("Dense", {{"units", 16},
                       {"activation", "gelu"},
                       {"kernel_regularizer", Config{{"class_name", "L2"}, {"config", Config{{"l2", 0.01}}}}}});
  model->add("BatchNormalization", {});
  model->add("Dropout", {{"rate", 0.25}});
  model->add("Dense", {{"units", 16}, {"activation", "tanh"}});
  model->add("LayerNormalization", {});
  model->add("Dense", {{"units", outputs}, {"activation", outputs > 1 ? "softmax" : "linear"}});
  model->build({-1, 7});  // draws the weights now, from the seed above
  return model;
}

std::vector<double> weights_of(const nn::Layer& model) {
  std::vector<double> all;
  for (const auto& p : model.parameters()) {
    for (Index i = 0; i < p->value.numel(); ++i) all.push_back(static_cast<double>(p->value.data<float>()[i]));
  }
  return all;
}

/// The step written out by hand, without a recording.
void train_eagerly(nn::Sequential& model, nn::Loss& loss, nn::Optimizer& optimizer, const Data& data, Index batch) {
  const FlushDenormals flush;
  model.build(data.x.shape());
  optimizer.build(model.trainable_parameters());
  for (Index start = 0; start < data.x.dim(0); start += batch) {
    const Index n = std::min(batch, data.x.dim(0) - start);
    nn::Context context{.training = true, .losses = {}};
    optimizer.zero_grad();
    Tensor total = loss(rows(data.y, start, n), model(rows(data.x, start, n), context), Tensor());
    for (const auto& p : model.parameters()) {
      if (p->l2 != 0) total = ops::add(total, ops::l1l2_penalty(p->value, p->l1, p->l2));
    }
    backward(total);
    optimizer.step();
  }
}

void replay_equals_eager() {
  for (const bool labels : {false, true}) {
    const Data data = make_data(103, 7, labels);  // a short last batch
    const char* loss_name = labels ? "SparseCategoricalCrossentropy" : "MeanSquaredError";
    for (const char* name : {"SGD", "Adam", "RMSprop"}) {
      const Config rate{{"learning_rate", 0.01}, {"global_clipnorm", 1.0}};
      const auto recorded = make_model(labels ? 4 : 1);
      nn::Trainer trainer(recorded, nn::make_loss(loss_name, mean_reduction), nn::make_optimizer(name, rate));
      const auto eager = make_model(labels ? 4 : 1);
      const auto loss = nn::make_loss(loss_name, mean_reduction);
      const auto optimizer = nn::make_optimizer(name, rate);
      for (int epoch = 0; epoch < 3; ++epoch) {
        const auto losses = trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, data.order, {.batch_size = 10});
        EXPECT(losses.size() == 11);
        train_eagerly(*eager, *loss, *optimizer, data, 10);
      }
      EXPECT(weights_of(*recorded) == weights_of(*eager));
    }
  }
}

void threads_do_not_change_bits() {
  const Data data = make_data(600, 300, true);
  std::vector<std::vector<double>> results;
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    set_random_seed(3);
    auto model = make_ref<nn::Sequential>();
    model->add("Dense", {{"units", 400}, {"activation", "relu"}});
    model->add("Dropout", {{"rate", 0.5}});
    model->add("Dense", {{"units", 4}, {"activation", "softmax"}});
    nn::Trainer trainer(model, nn::make_loss("SparseCategoricalCrossentropy", mean_reduction),
                        nn::make_optimizer("Adam", Config{{"learning_rate", 0.001}}));
    for (int epoch = 0; epoch < 3; ++epoch) {
      trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, data.order, {.batch_size = 200});
    }
    results.push_back(weights_of(*model));
  }
  set_num_threads(before);
  EXPECT(results[0] == results[1]);
  EXPECT(results[0] == results[2]);
}

void steady_steps_allocate_nothing() {
  const Data data = make_data(1000, 7, true);
  const auto model = make_model(4);
  nn::Trainer trainer(model, nn::make_loss("SparseCategoricalCrossentropy", mean_reduction),
                      nn::make_optimizer("Adam", Config{{"learning_rate", 0.001}}));
  std::size_t calls[2] = {};
  std::uint64_t pool_calls[2] = {};
  int step = 0;
  nn::Trainer::Options options{.batch_size = 10};
  options.poll = [&] {
    ++step;
    if (step == 10 || step == 100) {
      calls[step / 100] = testing::heap_calls;
      pool_calls[step / 100] = system_allocations();
    }
  };
  trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, data.order, options);
  EXPECT(step == 100);
  EXPECT(calls[0] == calls[1]);
  EXPECT(pool_calls[0] == pool_calls[1]);
}

void a_loss_that_is_not_finite_stops_before_the_update() {
  Data data = make_data(40, 7, false);
  const auto model = make_model(1);
  nn::Trainer trainer(model, nn::make_loss("MeanSquaredError", mean_reduction),
                      nn::make_optimizer("SGD", Config{{"learning_rate", 0.01}}));
  const nn::Trainer::Options options{.batch_size = 10};
  trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, std::span(data.order).first(20), options);
  data.y.data<float>()[25] = std::nanf("");
  const auto before = weights_of(*model);
  const auto losses =
      trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, std::span(data.order).subspan(20), options);
  EXPECT(losses.size() == 1 && std::isnan(losses[0]));
  EXPECT(weights_of(*model) == before);  // moving averages included
  const std::vector<Index> beyond{40};
  EXPECT_THROWS(trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, beyond, options), ValueError,
                "out of range");
  EXPECT(trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, std::span(data.order).first(20), options).size() ==
         2);
}

void freezing_a_layer_stops_its_updates() {
  const Data data = make_data(64, 7, true);
  const auto model = make_model(4);
  nn::Trainer trainer(model, nn::make_loss("SparseCategoricalCrossentropy", mean_reduction),
                      nn::make_optimizer("Adam", Config{{"learning_rate", 0.01}}));
  const auto step = [&] {
    trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, data.order, {.batch_size = 32});
  };
  step();
  const Tensor kernel = model->layers()[0]->parameters()[0]->value;
  const Tensor last = model->layers()[5]->parameters()[0]->value;
  const auto values = [](const Tensor& t) { return std::vector<float>(t.data<float>(), t.data<float>() + t.numel()); };
  model->layers()[0]->set_trainable(false);
  const auto frozen = values(kernel);
  const auto free_before = values(last);
  step();
  EXPECT(values(kernel) == frozen);
  EXPECT(values(last) != free_before);
  model->layers()[0]->set_trainable(true);
  step();
  EXPECT(values(kernel) != frozen);
}

void saved_models_come_back() {
  const Data data = make_data(20, 7, true);
  const auto model = make_model(4);
  model->build({-1, 7});
  const auto path = (std::filesystem::temp_directory_path() / "ranvier_test_trainer.rv").string();
  nn::save_model(*model, path);
  const auto loaded = nn::load_model(path);
  EXPECT(weights_of(*loaded) == weights_of(*model));
  const Tensor a = model->predict(data.x);
  const Tensor b = loaded->predict(data.x);
  EXPECT(std::equal(a.data<float>(), a.data<float>() + a.numel(), b.data<float>()));
  std::filesystem::remove(path);
  EXPECT_THROWS(nn::load_model(path), std::runtime_error, "ranvier_test_trainer.rv");
}

void optimizer_state_is_checked_before_it_is_set() {
  const Data data = make_data(20, 7, true);
  const auto model = make_model(4);
  const auto optimizer = nn::make_optimizer("Adam", Config{{"learning_rate", 0.01}});
  nn::Trainer trainer(model, nn::make_loss("SparseCategoricalCrossentropy", mean_reduction), optimizer);
  trainer.train(nn::rows_of(data.x), nn::rows_of(data.y), {}, data.order, {.batch_size = 20});
  auto slots = optimizer->slots();
  EXPECT(slots.size() == 2 * model->trainable_parameters().size());
  EXPECT(slots[0].first == "momentum/0");
  slots.back().second = zeros({3}, DType::float32);
  EXPECT_THROWS(optimizer->load_slots(slots, 7), ValueError, "expected slot 'velocity/");
  EXPECT(optimizer->iterations == 1);
}

void bad_shapes_name_the_layer() {
  const auto model = make_model(4);
  model->build({-1, 7});
  nn::Context context;
  EXPECT_THROWS((*model)(zeros({2, 9}, DType::float32), context), ValueError,
                "[dense] expected 7 features (last axis), received x with shape (2, 9)");
  EXPECT_THROWS((*model)(zeros({7}, DType::float32), context), ValueError, "batch axis");
  EXPECT_THROWS(nn::make_layer("Dence", Config{}), ValueError, "unknown class 'Dence'; known: Dense");
  EXPECT_THROWS(nn::make_layer("Dense", Config{{"units", 0}}), ValueError, "units >= 1");
  EXPECT_THROWS(nn::make_layer("Dropout", Config{{"rate", 1.5}}), ValueError, "0 <= rate <= 1");
}

}  // namespace

int main() {
  replay_equals_eager();
  threads_do_not_change_bits();
  steady_steps_allocate_nothing();
  a_loss_that_is_not_finite_stops_before_the_update();
  freezing_a_layer_stops_its_updates();
  saved_models_come_back();
  optimizer_state_is_checked_before_it_is_set();
  bad_shapes_name_the_layer();
  return ranvier::testing::result();
}
