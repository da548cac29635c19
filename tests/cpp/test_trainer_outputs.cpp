// Training models of several inputs and outputs: one loss for each output, weights, what is reported, replays.
#include <cmath>
#include <numeric>

#include "check.h"
#include "graph_support.h"
#include "heap_calls.h"
#include "ranvier/core/parallel.h"
#include "ranvier/nn/trainer.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/shape.h"

namespace {

using namespace ranvier;
using namespace ranvier::testing;
using RowsList = nn::Trainer::RowsList;

const io::Json mean_reduction = Config{{"reduction", "sum_over_batch_size"}};

struct Data {
  Tensor x, z, labels, numbers, weight;
  std::vector<Index> order;

  RowsList inputs() const { return {nn::rows_of(x), nn::rows_of(z)}; }
  RowsList targets() const { return {nn::rows_of(labels), nn::rows_of(numbers)}; }
  RowsList weights() const { return {nn::Rows{}, nn::rows_of(weight)}; }
};

Data make_data(Index rows) {
  Generator g(11);
  Data data{normal({rows, 7}, 1),
            normal({rows, 5}, 2),
            ops::random_integers({rows}, 0, 4, g),
            normal({rows, 1}, 3),
            ops::random_uniform({rows}, 0, 1, DType::float32, g),
            {}};
  data.order.resize(static_cast<std::size_t>(rows));
  std::iota(data.order.begin(), data.order.end(), Index{0});
  return data;
}

nn::Trainer::Losses losses() {
  return {nn::make_loss("SparseCategoricalCrossentropy", mean_reduction),
          nn::make_loss("MeanSquaredError", mean_reduction)};
}

Ref<nn::Optimizer> adam() { return nn::make_optimizer("Adam", Config{{"learning_rate", 0.01}}); }

/// The step written out by hand: the total and the losses of all steps.
std::vector<double> train_eagerly(nn::Layer& model, nn::Optimizer& optimizer, const Data& data, Index batch,
                                  bool weighted) {
  const FlushDenormals flush;
  const auto each = losses();
  optimizer.build(model.trainable_parameters());
  std::vector<double> told;
  for (Index start = 0; start < data.x.dim(0); start += batch) {
    const Index n = std::min(batch, data.x.dim(0) - start);
    const auto part = [&](const Tensor& t) { return rows(t, start, n); };
    nn::Context context{.training = true, .losses = {}};
    optimizer.zero_grad();
    const auto ys = model(nn::Tensors{part(data.x), part(data.z)}, context);
    const Tensor first = (*each[0])(part(data.labels), ys[0], Tensor());
    const Tensor second = (*each[1])(part(data.numbers), ys[1], weighted ? part(data.weight) : Tensor());
    Tensor total = ops::add(ops::multiply(first, full({}, 0.5, DType::float32)), second);
    for (const auto& p : model.parameters()) {
      if (p->l2 != 0) total = ops::add(total, ops::l1l2_penalty(p->value, p->l1, p->l2));
    }
    for (const Tensor& extra : context.losses) total = ops::add(total, extra);
    EXPECT(context.losses.size() == 1);
    for (const Tensor& t : {total, first, second}) told.push_back(item(t));
    backward(total);
    optimizer.step();
  }
  return told;
}

void replay_equals_eager() {
  const Data data = make_data(103);  // a short last batch
  for (const bool weighted : {false, true}) {
    const auto recorded = two_in_two_out();
    nn::Trainer trainer(recorded, losses(), adam(), {0.5, 1});
    const auto eager = two_in_two_out();
    const auto optimizer = adam();
    EXPECT(trainer.loss_columns() == 3);
    for (int epoch = 0; epoch < 3; ++epoch) {
      const RowsList weights = weighted ? data.weights() : RowsList{};
      const auto told = trainer.train(data.inputs(), data.targets(), weights, data.order, {.batch_size = 10});
      EXPECT(told.size() == 3 * 11);
      EXPECT(told == train_eagerly(*eager, *optimizer, data, 10, weighted));
    }
    EXPECT(weights_of(*recorded) == weights_of(*eager));
  }
}

void threads_do_not_change_bits() {
  const Data data = make_data(600);
  std::vector<std::vector<double>> results;
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    const auto model = two_in_two_out();
    nn::Trainer trainer(model, losses(), adam());
    for (int epoch = 0; epoch < 3; ++epoch) {
      trainer.train(data.inputs(), data.targets(), {}, data.order, {.batch_size = 300});
    }
    results.push_back(weights_of(*model));
  }
  set_num_threads(before);
  EXPECT(results[0] == results[1]);
  EXPECT(results[0] == results[2]);
}

void steady_steps_allocate_nothing() {
  const Data data = make_data(1000);
  nn::Trainer trainer(two_in_two_out(), losses(), adam(), {2, 0.5});
  const Tensor classes = empty({1000, 4}, DType::float32);
  const Tensor number = empty({1000, 1}, DType::float32);
  std::size_t calls[2] = {};
  std::uint64_t pool_calls[2] = {};
  int step = 0;
  nn::Trainer::Options options{.batch_size = 10};
  options.predictions = {classes.raw(), number.raw()};
  options.poll = [&] {
    ++step;
    if (step == 10 || step == 100) {
      calls[step / 100] = heap_calls;
      pool_calls[step / 100] = system_allocations();
    }
  };
  trainer.train(data.inputs(), data.targets(), data.weights(), data.order, options);
  EXPECT(step == 100);
  EXPECT(calls[0] == calls[1]);
  EXPECT(pool_calls[0] == pool_calls[1]);
}

void predictions_and_losses_agree() {
  const Data data = make_data(25);
  const auto model = two_in_two_out();
  nn::Trainer trainer(model, losses(), {});
  const auto shapes = trainer.prediction_shapes(data.inputs());
  EXPECT(shapes.size() == 2 && shapes[0] == Shape({-1, 4}) && shapes[1] == Shape({-1, 1}));
  const Tensor classes = empty({25, 4}, DType::float32);
  const Tensor number = empty({25, 1}, DType::float32);
  nn::Trainer::Options options{.batch_size = 10};
  options.predictions = {classes.raw(), number.raw()};
  trainer.predict(data.inputs(), options);
  const auto part = [&](Index start, Index n) {
    return model->predict(nn::Tensors{rows(data.x, start, n), rows(data.z, start, n)});
  };
  const nn::Tensors parts[] = {part(0, 10), part(10, 10), part(20, 5)};
  const auto joined = [&](std::size_t i) {
    return values_of(ops::concatenate({parts[0][i], parts[1][i], parts[2][i]}, 0));
  };
  EXPECT(values_of(classes) == joined(0));
  EXPECT(values_of(number) == joined(1));

  fill(classes, std::vector<double>(100, -1));
  const auto told = trainer.evaluate(data.inputs(), data.targets(), {}, data.order, options);
  EXPECT(values_of(classes) == joined(0));
  EXPECT(told.size() == 3 * 3);
  const Tensor expected = (*losses()[1])(rows(data.numbers, 0, 10), parts[0][1], Tensor());
  EXPECT(told[2] == item(expected));
}

void an_output_without_a_loss_takes_no_part() {
  const Data data = make_data(40);
  const auto model = two_in_two_out();
  nn::Trainer trainer(model, {nullptr, losses()[1]}, adam());
  const auto before = values_of(model->layers()[7]->parameters()[0]->value);
  const auto told =
      trainer.train(data.inputs(), {nn::Rows{}, nn::rows_of(data.numbers)}, {}, data.order, {.batch_size = 20});
  EXPECT(told.size() == 2 * 3 && told[1] == 0 && told[2] > 0);
  // Its layer moves all the same: it has an activity penalty of its own.
  EXPECT(values_of(model->layers()[7]->parameters()[0]->value) != before);

  Ref<nn::Graph> plain =
      make_ref<nn::Graph>("g", nn::Wiring{{dense("a", 2), dense("b", 2)}, {{0, {0}}, {1, {0}}}, 1, {1, 2}});
  plain->build(Shape{-1, 7});
  const auto untouched = values_of(plain->layers()[0]->parameters()[0]->value);
  const auto moved = values_of(plain->layers()[1]->parameters()[0]->value);
  nn::Trainer second(plain, {nullptr, losses()[1]}, adam());
  const Tensor y = normal({40, 2}, 4);
  second.train({nn::rows_of(data.x)}, {nn::Rows{}, nn::rows_of(y)}, {}, data.order, {.batch_size = 20});
  EXPECT(values_of(plain->layers()[0]->parameters()[0]->value) == untouched);
  EXPECT(values_of(plain->layers()[1]->parameters()[0]->value) != moved);
}

void a_total_that_is_not_finite_stops_before_the_update() {
  Data data = make_data(40);
  const auto model = two_in_two_out();
  nn::Trainer trainer(model, losses(), adam());
  const nn::Trainer::Options options{.batch_size = 10};
  const auto run = [&](std::size_t first, std::size_t count) {
    return trainer.train(data.inputs(), data.targets(), {}, std::span(data.order).subspan(first, count), options);
  };
  run(0, 20);
  data.numbers.data<float>()[25] = std::nanf("");
  const auto before = weights_of(*model);
  const auto told = run(20, 20);
  EXPECT(told.size() == 3 && std::isnan(told[0]) && std::isfinite(told[1]) && std::isnan(told[2]));
  EXPECT(weights_of(*model) == before);
}

void what_does_not_fit_is_refused() {
  const Data data = make_data(20);
  const nn::Trainer::Options options{.batch_size = 10};
  EXPECT_THROWS(nn::Trainer(two_in_two_out(), losses(), adam(), {1}), ValueError, "loss_weights: expected 2 numbers");
  nn::Trainer one(two_in_two_out(), {losses()[0]}, adam());
  EXPECT_THROWS(one.train(data.inputs(), {data.targets()[0]}, {}, data.order, options), ValueError,
                "[graph] expected a loss (or None) for each of its 2 outputs, received 1");
  nn::Trainer trainer(two_in_two_out(), losses(), adam());
  const auto train = [&](const RowsList& x, const RowsList& y, const RowsList& w) {
    return trainer.train(x, y, w, data.order, options);
  };
  EXPECT_THROWS(train({}, data.targets(), {}), ValueError, "x: expected at least one input");
  EXPECT_THROWS(train({data.inputs()[0]}, data.targets(), {}), ValueError, "[graph] expected 2 inputs, received 1");
  EXPECT_THROWS(train({data.inputs()[0], {}}, data.targets(), {}), ValueError, "x: expected an array for every input");
  EXPECT_THROWS(train(data.inputs(), {data.targets()[0]}, {}), ValueError, "y: expected 2 entries");
  EXPECT_THROWS(train(data.inputs(), {data.targets()[0], {}}, {}), ValueError, "y: expected targets for output 1");
  EXPECT_THROWS(train(data.inputs(), data.targets(), {{}}), ValueError, "sample_weight: expected 2 entries");
  const Tensor few = normal({5, 5}, 1);
  EXPECT_THROWS(train({data.inputs()[0], nn::rows_of(few)}, data.targets(), {}), ValueError,
                "x[1]: row 5 is out of range, there are 5 rows");
  EXPECT_THROWS(nn::Trainer(two_in_two_out(), {nullptr, nullptr}, adam())
                    .train(data.inputs(), data.targets(), {}, data.order, options),
                StateError, "a loss and an optimizer are needed");
  EXPECT(train(data.inputs(), data.targets(), {}).size() == 2 * 3);  // and all is as before
}

}  // namespace

int main() {
  replay_equals_eager();
  threads_do_not_change_bits();
  steady_steps_allocate_nothing();
  predictions_and_losses_agree();
  an_output_without_a_loss_takes_no_part();
  a_total_that_is_not_finite_stops_before_the_update();
  what_does_not_fit_is_refused();
  return ranvier::testing::result();
}
