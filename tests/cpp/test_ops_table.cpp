// Every differentiable op: gradients against central differences in float64, and added up; float32 against float64; a
// recorded step against the eager one; one thread against several.
#include <algorithm>
#include <cstring>

#include "check.h"
#include "ops_cases_attention.h"
#include "ops_cases_conv.h"
#include "ops_cases_image.h"
#include "ops_cases_loss.h"
#include "ops_cases_math.h"
#include "ops_cases_rnn.h"
#include "ops_cases_shape.h"
#include "ranvier/core/parallel.h"

namespace ranvier::testing {
namespace {

std::vector<Case> op_cases() {
  Table table;
  add_elementwise(table);
  add_products(table);
  add_losses(table);
  add_softmaxes(table);
  add_reductions(table);
  add_moves(table);
  add_random(table);
  add_attention(table);
  add_norms(table);
  add_convolutions(table);
  add_other_convolutions(table);
  add_pools(table);
  add_resizings(table);
  add_recurrent(table);
  return std::move(table.cases);
}

void require_gradients(const Case& c, const Tensors& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (c.inputs[i].gradient) Leaf::require_grad(inputs[i]);
  }
}

// A different weight for every element of y.
Tensor weights_like(const Tensor& y) {
  Numbers numbers(99);
  std::vector<double> weights(static_cast<std::size_t>(y.numel()));
  for (double& w : weights) w = static_cast<double>(static_cast<float>(0.2 + numbers.next()));
  return tensor_of(weights, y.shape(), y.dtype());
}

Tensor weigh(const Tensor& y) { return ops::sum(ops::multiply(y, weights_like(y))); }

struct Outcome {
  std::vector<double> value;
  std::vector<std::vector<double>> gradients;  // empty for inputs without one

  bool operator==(const Outcome& other) const {
    const auto same = [](const std::vector<double>& a, const std::vector<double>& b) {
      return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
    };
    if (!same(value, other.value) || gradients.size() != other.gradients.size()) return false;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!same(gradients[i], other.gradients[i])) return false;
    }
    return true;
  }
};

Outcome outcome_of(const Case& c, const Tensor& y, const Tensors& inputs) {
  Outcome out{values_of(y), {}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    out.gradients.push_back(c.inputs[i].gradient ? values_of(Leaf::settled_grad(inputs[i])) : std::vector<double>());
  }
  return out;
}

Outcome run(const Case& c, std::uint64_t seed, DType dtype) {
  const Tensors inputs = draw_inputs(c, seed, dtype);
  require_gradients(c, inputs);
  restart_generator();
  const Tensor y = c.f(inputs);
  backward(weigh(y));
  return outcome_of(c, y, inputs);
}

double value_at(const Case& c, const Tensors& inputs) {
  const NoGrad values_only;
  restart_generator();
  return item(weigh(c.f(inputs)));
}

void check_gradient(const Case& c) {
  constexpr std::uint64_t seed = 3;
  const Outcome analytic = run(c, seed, DType::float64);
  Tensors inputs = draw_inputs(c, seed, DType::float64);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!c.inputs[i].gradient) continue;
    for (std::size_t j = 0; j < analytic.gradients[i].size(); ++j) {
      double& x = inputs[i].data<double>()[j];
      const double centre = x;
      constexpr double h = 1e-5;
      x = centre + h;
      const double above = value_at(c, inputs);
      x = centre - h;
      const double below = value_at(c, inputs);
      x = centre;
      const double numeric = (above - below) / (2 * h);
      const double got = analytic.gradients[i][j];
      const double allowed = c.tolerance * std::max({1.0, std::abs(numeric), std::abs(got)});
      report(std::abs(numeric - got) <= allowed, __FILE__, __LINE__,
             concat_text(c.name, ": gradient of input ", i, " at ", j, ": expected ", numeric, ", got ", got));
    }
  }
}

// The same result computed twice from the same inputs: their gradients add up, to twice the single one.
void check_accumulation(const Case& c) {
  const Outcome single = run(c, 3, DType::float64);
  const Tensors inputs = draw_inputs(c, 3, DType::float64);
  require_gradients(c, inputs);
  restart_generator();
  const Tensor first = c.f(inputs);
  restart_generator();
  const Tensor second = c.f(inputs);
  backward(ops::add(weigh(first), weigh(second)));
  const Outcome both = outcome_of(c, first, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t j = 0; j < both.gradients[i].size(); ++j) {
      const double expected = 2 * single.gradients[i][j];
      const double got = both.gradients[i][j];
      // not to the bit: an input used several times adds its parts in another order
      report(std::abs(expected - got) <= 1e-12 * std::max(1.0, std::abs(expected)), __FILE__, __LINE__,
             concat_text(c.name, ": input ", i, " at ", j, ", used twice: expected ", expected, ", got ", got));
    }
  }
}

// float32 may differ by some units in the last place of the largest value in the array.
void check_precision(const Case& c) {
  const Outcome exact = run(c, 5, DType::float64);
  const Outcome rounded = run(c, 5, DType::float32);
  const auto compare = [&](const std::vector<double>& a, const std::vector<double>& b, const char* what) {
    EXPECT(a.size() == b.size());
    double largest = 1;
    for (double v : a) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < a.size(); ++i) {
      const bool near = std::abs(a[i] - b[i]) <= 2e-5 * largest;
      report(near, __FILE__, __LINE__,
             concat_text(c.name, ": float32 ", what, " at ", i, ": expected ", a[i], ", got ", b[i]));
      if (!near) return;
    }
  };
  compare(exact.value, rounded.value, "value");
  for (std::size_t i = 0; i < exact.gradients.size(); ++i)
    compare(exact.gradients[i], rounded.gradients[i], "gradient");
}

// Records forward and backward on one batch, replays them on another; the eager run on that one gives the same bits.
void check_replay(const Case& c) {
  const Tensors inputs = draw_inputs(c, 11, DType::float32);
  require_gradients(c, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (c.inputs[i].gradient) Leaf::settled_grad(inputs[i]);
  }
  const Tensor weights = [&] {  // not made by a kernel, so made before recording
    const NoGrad values_only;
    const Tensor y = c.f(inputs);
    return weights_like(y);
  }();
  restart_generator();
  Program program;
  Tensor y;
  {
    Program::Recording recording(program);
    y = c.f(inputs);
    backward(ops::sum(ops::multiply(y, weights)));
  }
  redraw(c, 12, inputs);
  restart_generator();
  program.replay();
  const Outcome replayed = outcome_of(c, y, inputs);
  report(replayed == run(c, 12, DType::float32), __FILE__, __LINE__, c.name + ": a replay differs from the eager run");
}

void check_threads(const Case& c) {
  const int before = num_threads();
  set_num_threads(1);
  const Outcome one = run(c, 21, DType::float32);
  for (int threads : {2, 3, 5}) {
    set_num_threads(threads);
    report(run(c, 21, DType::float32) == one, __FILE__, __LINE__,
           concat_text(c.name, ": ", threads, " threads give other bits than one"));
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace ranvier::testing

// With an argument: only the cases whose names contain it.
int main(int argc, char** argv) {
  using namespace ranvier::testing;
  for (const Case& c : op_cases()) {
    if (argc > 1 && c.name.find(argv[1]) == std::string::npos) continue;
    try {
      if (!c.large) {
        check_gradient(c);
        check_accumulation(c);
      }
      if (!c.draws) check_precision(c);
      check_replay(c);
      if (c.large) check_threads(c);
    } catch (const std::exception& error) {
      report(false, __FILE__, __LINE__, c.name + ": " + error.what());
    }
  }
  return result();
}
