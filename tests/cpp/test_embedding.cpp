// Tables whose gradient reaches a few rows: the bits of the dense way, at the cost of the rows looked up.
#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "check.h"
#include "heap_calls.h"
#include "ranvier/core/parallel.h"
#include "ranvier/nn/sequential.h"
#include "ranvier/nn/trainer.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/embedding.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/random.h"
#include "ranvier/ops/reduce.h"

namespace {

using namespace ranvier;
using Config = io::Json::Object;

constexpr Index vocabulary = 50;

/// A table and a matrix behind it, with everything that is drawn at random from one seed.
struct Model {
  Model(bool tracked, Index width, DType dtype) : width_(width) {
    Generator g(7);
    table = make_ref<nn::Parameter>("table", ops::random_normal({vocabulary, width}, 0, 1, false, dtype, g), true);
    kernel = make_ref<nn::Parameter>("kernel", ops::random_normal({width, width}, 0, 1, false, dtype, g), true);
    if (tracked) table->track_rows();
  }

  /// Σ of the rows, products and, if tied, the whole table's; `looked_up` picks the indices.
  Tensor loss(std::uint64_t step, Index rows, bool tied, bool twice) const {
    Generator g(100 + step);
    kernels::Stray stray;
    const Tensor index = ops::random_integers({rows, 3}, 0, 20 + static_cast<Index>(step), g);
    const Tensor x = ops::embedding(table->value, index, &stray);
    Tensor y = ops::sum(ops::unary(ops::Unary::tanh, ops::matmul(x, kernel->value)));
    if (twice) {
      const Tensor other = ops::random_integers({4}, 0, vocabulary, g);
      y = ops::add(y, ops::sum(ops::unary(ops::Unary::sigmoid, ops::embedding(table->value, other, &stray))));
    }
    if (tied) y = ops::add(y, ops::sum(ops::unary(ops::Unary::sin, ops::matmul(x, table->value, false, true))));
    return y;
  }

  Ref<nn::Parameter> table;
  Ref<nn::Parameter> kernel;
  Index width_;
};

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

void equals_the_dense_way() {
  const std::vector<std::pair<const char*, Config>> rules = {
      {"SGD", {{"learning_rate", 0.1}}},
      {"SGD", {{"learning_rate", 0.1}, {"clipvalue", 0.01}}},
      {"SGD", {{"learning_rate", 0.1}, {"weight_decay", 0.01}}},
      {"SGD", {{"learning_rate", 0.1}, {"momentum", 0.9}, {"nesterov", true}}},
      {"SGD", {{"learning_rate", 0.1}, {"momentum", 0.9}, {"clipnorm", 0.1}}},
      {"Adam", {{"learning_rate", 0.1}}},
      {"Adam", {{"learning_rate", 0.1}, {"amsgrad", true}, {"global_clipnorm", 0.1}}},
      {"AdamW", {{"learning_rate", 0.1}, {"weight_decay", 0.01}}},
      {"RMSprop", {{"learning_rate", 0.1}, {"centered", true}, {"momentum", 0.5}}},
  };
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const auto& [name, config] : rules) {
      for (const Index width : {1, 7, 64}) {
        const Model few(true, width, dtype);
        const Model whole(false, width, dtype);
        const auto few_rule = nn::make_optimizer(name, config);
        const auto whole_rule = nn::make_optimizer(name, config);
        few_rule->build({few.table, few.kernel});
        whole_rule->build({whole.table, whole.kernel});
        for (std::uint64_t step = 0; step < 12; ++step) {
          const bool tied = step == 4 || step == 5;   // the gradient comes from elsewhere, too
          const bool added = step == 7 || step == 8;  // to what the step before has left
          const bool frozen = step == 9;
          const bool unused = step == 10;
          const auto advance = [&](const Model& model, nn::Optimizer& rule) {
            model.table->set_trainable(!frozen);
            if (!added) rule.zero_grad();
            backward(unused ? ops::sum(model.kernel->value) : model.loss(step, 5, tied, step % 2 == 1));
            if (!frozen) return Leaf::settled_grad(model.table->value);
            return Tensor();
          };
          const Tensor ours = advance(few, *few_rule);
          const Tensor theirs = advance(whole, *whole_rule);
          EXPECT(frozen || same_bits(ours, theirs));
          few_rule->step();
          whole_rule->step();
          EXPECT(same_bits(few.table->value, whole.table->value));
          EXPECT(same_bits(few.kernel->value, whole.kernel->value));
        }
      }
    }
  }
}

/// Of the step that has just run: rows with an index.
std::set<Index> rows_of_step(const Model& model) {
  const auto touched = model.table->rows()->touched();
  return {touched.begin(), touched.end()};
}

// Rows nobody looks up hold NaN where their gradient would be: whoever reads or clears them is found out.
void costs_the_rows_looked_up() {
  for (const char* clip : {"clipvalue", "clipnorm", "global_clipnorm"}) {
    for (const char* name : {"SGD", "Adam", "RMSprop", "AdamW"}) {
      const bool sgd = std::string_view(name) == "SGD";
      Config config{{"learning_rate", 0.1}, {clip, 0.5}, {"lazy_embeddings", !sgd}};
      if (!sgd) config.emplace_back("weight_decay", 0.01);
      const Model model(true, 8, DType::float32);
      const auto rule = nn::make_optimizer(name, config);
      rule->build({model.table, model.kernel});
      rule->zero_grad();
      backward(model.loss(0, 5, false, false));  // clears the whole gradient for once
      rule->step();
      std::set<Index> spoiled;
      for (std::uint64_t step = 1; step < 4; ++step) {
        const std::set<Index> before = rows_of_step(model);
        Tensor old = empty(model.table->value.shape(), DType::float32);
        copy_into(old, model.table->value);
        auto* grad = Leaf::settled_grad(model.table->value).data<float>();
        spoiled.clear();
        for (Index row = 25; row < vocabulary; ++row) {
          std::fill_n(grad + row * 8, 8, std::numeric_limits<float>::quiet_NaN());
          spoiled.insert(row);
        }
        rule->zero_grad();
        backward(model.loss(step, 5, false, false));
        rule->step();
        const std::set<Index> now = rows_of_step(model);
        EXPECT(!now.empty() && now.size() <= 15);
        for (Index row = 0; row < vocabulary; ++row) {
          const float* w = model.table->value.data<float>() + row * 8;
          const bool same = std::memcmp(w, old.data<float>() + row * 8, 8 * sizeof(float)) == 0;
          EXPECT(same == !now.contains(row));
          EXPECT(std::isnan(grad[row * 8]) == spoiled.contains(row));
          if (before.contains(row) && !now.contains(row)) EXPECT(grad[row * 8] == 0);
        }
      }
    }
  }
}

// What LazyAdam promises: a row's slots stand still while nobody looks it up.
void lazy_slots_stand_still() {
  const Model model(true, 4, DType::float64);
  const auto rule = nn::make_optimizer("Adam", Config{{"learning_rate", 0.1}, {"lazy_embeddings", true}});
  rule->build({model.table, model.kernel});
  for (std::uint64_t step = 0; step < 5; ++step) {
    const Tensor momentum = rule->slots()[0].second;
    Tensor old = empty(momentum.shape(), DType::float64);
    copy_into(old, momentum);
    rule->zero_grad();
    backward(model.loss(step, 3, false, false));
    rule->step();
    const std::set<Index> now = rows_of_step(model);
    for (Index row = 0; row < vocabulary; ++row) {
      const bool same =
          std::memcmp(momentum.data<double>() + row * 4, old.data<double>() + row * 4, 4 * sizeof(double)) == 0;
      EXPECT(same == !now.contains(row));
    }
  }
}

// A norm is the same number over the rows that are not zero; its last bit depends on their order.
void norms_are_those_of_the_touched_rows() {
  for (const char* clip : {"clipnorm", "global_clipnorm"}) {
    const Model few(true, 64, DType::float64);
    const Model whole(false, 64, DType::float64);
    const Config config{{"learning_rate", 0.1}, {clip, 0.25}};
    const auto few_rule = nn::make_optimizer("SGD", config);
    const auto whole_rule = nn::make_optimizer("SGD", config);
    few_rule->build({few.table, few.kernel});
    whole_rule->build({whole.table, whole.kernel});
    for (std::uint64_t step = 0; step < 5; ++step) {
      few_rule->zero_grad();
      whole_rule->zero_grad();
      backward(few.loss(step, 9, false, true));
      backward(whole.loss(step, 9, false, true));
      few_rule->step();
      whole_rule->step();
    }
    for (Index i = 0; i < few.table->value.numel(); ++i) {
      EXPECT_NEAR(few.table->value.data<double>()[i], whole.table->value.data<double>()[i], 1e-13);
    }
  }
}

void looking_at_gradients_leaves_training_alone() {
  const Model few(true, 8, DType::float32);
  const Model whole(false, 8, DType::float32);
  for (std::uint64_t step = 0; step < 4; ++step) {
    for (const Model* model : {&few, &whole}) {
      Leaf::clear_grad(model->table->value);
      backward(model->loss(step, 5, false, false));
    }
    const Tensor seen = gradients(few.loss(step + 1, 5, false, false), {few.table->value})[0];
    const Tensor expected = gradients(whole.loss(step + 1, 5, false, false), {whole.table->value})[0];
    EXPECT(same_bits(seen, expected));
    EXPECT(same_bits(Leaf::grad(few.table->value), Leaf::grad(whole.table->value)));
  }
}

Ref<nn::Sequential> classifier(Index words, Index width) {
  set_random_seed(3);
  auto model = make_ref<nn::Sequential>();
  model->add("Embedding", {{"input_dim", words}, {"output_dim", width}});
  model->add("Flatten", {});
  model->add("Dense", {{"units", 4}, {"activation", "softmax"}});
  return model;
}

void recorded_steps_on_any_number_of_threads() {
  Generator g(1);
  const Tensor x = ops::random_integers({400, 30}, 0, 3000, g);
  const Tensor y = ops::random_integers({400}, 0, 4, g);
  std::vector<Index> order(400);
  std::iota(order.begin(), order.end(), Index{0});
  const int before = num_threads();
  for (const char* name : {"SGD", "Adam"}) {
    for (const bool lazy : {false, true}) {
      std::vector<Tensor> results;
      for (const int threads : {1, 2, 5}) {
        set_num_threads(threads);
        const auto model = classifier(3000, 24);
        nn::Trainer trainer(
            model, nn::make_loss("SparseCategoricalCrossentropy", Config{{"reduction", "sum_over_batch_size"}}),
            nn::make_optimizer(name, Config{{"learning_rate", 0.01}, {"lazy_embeddings", lazy}}));
        for (int epoch = 0; epoch < 2; ++epoch) {
          trainer.train(nn::rows_of(x), nn::rows_of(y), {}, order, {.batch_size = 60});  // and a short batch
        }
        results.push_back(model->parameters().front()->value);
      }
      EXPECT(same_bits(results[0], results[1]));
      EXPECT(same_bits(results[0], results[2]));
    }
  }
  set_num_threads(before);
}

void steady_steps_allocate_nothing() {
  Generator g(1);
  const Tensor x = ops::random_integers({1000, 5}, 0, 300, g);
  const Tensor y = ops::random_integers({1000}, 0, 4, g);
  std::vector<Index> order(1000);
  std::iota(order.begin(), order.end(), Index{0});
  nn::Trainer trainer(classifier(300, 8),
                      nn::make_loss("SparseCategoricalCrossentropy", Config{{"reduction", "sum_over_batch_size"}}),
                      nn::make_optimizer("SGD", Config{{"learning_rate", 0.01}}));
  std::size_t calls[2] = {};
  int step = 0;
  nn::Trainer::Options options{.batch_size = 10};
  options.poll = [&] {
    ++step;
    if (step == 10 || step == 100) calls[step / 100] = testing::heap_calls;
  };
  trainer.train(nn::rows_of(x), nn::rows_of(y), {}, order, options);
  EXPECT(calls[0] == calls[1]);
}

}  // namespace

int main() {
  equals_the_dense_way();
  costs_the_rows_looked_up();
  lazy_slots_stand_still();
  norms_are_those_of_the_touched_rows();
  looking_at_gradients_leaves_training_alone();
  recorded_steps_on_any_number_of_threads();
  steady_steps_allocate_nothing();
  return ranvier::testing::result();
}
