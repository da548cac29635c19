// The graph: accumulation, freed values, NoGrad, stop_gradient, seeds, long chains, recorded steps and their memory.
#include "check.h"
#include "ops_table.h"
#include "ranvier/autograd/node.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/random.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::testing {
namespace {

using namespace ranvier::ops;

Tensor leaf(const std::vector<double>& values, const Shape& shape, DType dtype = DType::float64) {
  Tensor x = tensor_of(values, shape, dtype);
  Leaf::require_grad(x);
  return x;
}

double grad_at(const Tensor& x, std::size_t i) { return values_of(Leaf::grad(x))[i]; }

void test_accumulation() {
  const Tensor x = leaf({2, 3}, {2});
  backward(sum(multiply(x, x)));
  backward(sum(x));
  EXPECT_NEAR(grad_at(x, 0), 5, 0);
  EXPECT_NEAR(grad_at(x, 1), 7, 0);
  Leaf::clear_grad(x);
  EXPECT(!Leaf::grad(x).defined());
  EXPECT_NEAR(values_of(Leaf::settled_grad(x))[0], 0, 0);
  backward(x, tensor_of({1, 2}, {2}));  // a leaf is its own computation
  EXPECT_NEAR(grad_at(x, 1), 2, 0);
}

void test_gradients_of_some() {
  const Tensor x = leaf({2, 3}, {2});
  const Tensor w = leaf({5, 7}, {2});
  backward(sum(w));  // collected before, untouched afterwards
  const auto computed = [&](Tensor& h) {
    h = multiply(x, w);
    return add(sum(multiply(h, h)), sum(multiply(w, w)));
  };
  Tensor h;
  const Tensor y = computed(h);
  const std::vector<Tensor> found = gradients(y, {h, x, x, tensor_of({1}, {1})});
  EXPECT_NEAR(values_of(found[0])[1], 2 * 21, 0);  // d h² = 2 h
  EXPECT_NEAR(values_of(found[1])[0], 2 * 10 * 5, 0);
  EXPECT_NEAR(values_of(found[2])[1], 2 * 21 * 7, 0);
  EXPECT(!found[3].defined());
  EXPECT(!Leaf::grad(x).defined());
  EXPECT_NEAR(grad_at(w, 0), 1, 0);
  const std::vector<Tensor> of{x};
  EXPECT_THROWS(gradients(y, of), StateError, "freed by an earlier");

  const Tensor again = computed(h);
  EXPECT_NEAR(values_of(gradients(again, {w})[0])[0], 2 * 10 * 2 + 2 * 5, 0);
  EXPECT_NEAR(grad_at(w, 0), 1, 0);
  EXPECT(!gradients(sum(w), {x})[0].defined());
  EXPECT_NEAR(values_of(gradients(x, {x}, tensor_of({1, 2}, {2}))[0])[1], 2, 0);
  const Tensor third = computed(h);
  EXPECT_NEAR(values_of(gradients(third, {h})[0])[0], 20, 0);
  EXPECT(!gradients(x, {w}, tensor_of({1, 2}, {2}))[0].defined());
  EXPECT(!Leaf::grad(x).defined());
  backward(computed(h));
  EXPECT_NEAR(grad_at(x, 0), 100, 0);
}

void test_passed_gradients_are_not_shared() {
  // add passes dy itself to both sides; what one side adds to its share must not show on the other.
  const Tensor x = leaf({1, 2}, {2});
  const Tensor y = leaf({5, 6}, {2});
  const Tensor a = reshape(x, {2, 1});
  const Tensor b = reshape(y, {2, 1});
  const Tensor s = add(a, b);
  backward(sum(add(s, multiply(a, a))));
  EXPECT_NEAR(grad_at(x, 0), 3, 0);
  EXPECT_NEAR(grad_at(x, 1), 5, 0);
  EXPECT_NEAR(grad_at(y, 0), 1, 0);
  EXPECT_NEAR(grad_at(y, 1), 1, 0);

  // the same through a dense layer, which writes into dy's memory when it is alone with it
  const Tensor w = leaf({0.5, -1, 2, 1}, {2, 2});
  const Tensor h = leaf({1, 2}, {1, 2});
  const auto loss = [&] {
    const Tensor d = dense(h, w, {}, Unary::tanh);
    const Tensor e = dense(h, w, {}, Unary::tanh);
    const Tensor both = add(d, e);
    return sum(add(both, both));
  };
  backward(loss());
  const double got = grad_at(w, 3);
  double& value = w.data<double>()[3];
  value += 1e-5;
  const double above = item(loss());
  value -= 2e-5;
  EXPECT_NEAR(got, (above - item(loss())) / 2e-5, 1e-6);
}

void test_errors() {
  const Tensor x = leaf({2, 3}, {2});
  const Tensor y = sum(unary(Unary::exp, x));
  backward(y);
  EXPECT_THROWS(backward(y), StateError, "freed by an earlier backward()");
  const Tensor shared = unary(Unary::exp, x);
  const Tensor first = sum(shared);
  const Tensor second = mean(shared);
  backward(first);
  EXPECT_THROWS(backward(second), StateError, "'exp'");
  EXPECT_THROWS(backward(tensor_of({1}, {})), StateError, "requires a gradient");
  EXPECT_THROWS(backward(multiply(x, x)), ValueError, "expected a scalar");
  EXPECT_THROWS(backward(multiply(x, x), tensor_of({1}, {1})), ValueError, "expected a gradient of shape (2,)");
  EXPECT_THROWS(Leaf::require_grad(tensor_of({1}, {1}, DType::int64)), TypeError, "received int64");
}

void test_modes() {
  const Tensor x = leaf({2, 3}, {2});
  {
    const NoGrad off;
    EXPECT(!Leaf::requires_grad(multiply(x, x)));
    EXPECT(!grad_enabled());
  }
  EXPECT(grad_enabled());
  EXPECT(Leaf::requires_grad(multiply(x, x)));
  backward(sum(multiply(stop_gradient(x), x)));
  EXPECT_NEAR(grad_at(x, 0), 2, 0);
  EXPECT_NEAR(grad_at(x, 1), 3, 0);
  EXPECT(!Leaf::requires_grad(compare(Compare::less, x, x)));
  EXPECT(!Leaf::requires_grad(cast(x, DType::int32)));
  EXPECT(Leaf::requires_grad(cast(x, DType::float32)));
}

void test_casts_in_gradients() {
  const Tensor x = leaf({2, 3}, {2}, DType::float32);
  const Tensor d = tensor_of({10, 20}, {2});
  backward(sum(multiply(x, d)));  // computed in float64, collected in float32
  EXPECT(Leaf::grad(x).dtype() == DType::float32);
  EXPECT_NEAR(grad_at(x, 1), 20, 0);
}

// One op after another 200,000 times: taking it apart must not recurse.
void test_long_chains() {
  const Tensor x = leaf({0.5}, {1});
  const Tensor c = tensor_of({1e-3}, {1});
  for (const auto& step : std::vector<std::function<Tensor(const Tensor&)>>{
           [&](const Tensor& y) { return add(y, c); }, [&](const Tensor& y) { return multiply(y, y); },
           [](const Tensor& y) { return unary(Unary::sigmoid, y); }, [](const Tensor& y) { return softmax(y); },
           [](const Tensor& y) { return unary(Unary::tanh, y); }, [](const Tensor& y) { return unary(Unary::gelu, y); },
           [](const Tensor& y) { return reshape(y, {1}); }}) {
    Tensor y = x;
    for (int i = 0; i < 200000; ++i) y = step(y);
    y = Tensor();
    Tensor z = x;
    for (int i = 0; i < 200000; ++i) z = step(z);
    backward(z);
    EXPECT(Leaf::grad(x).defined());
    Leaf::clear_grad(x);
    const NoGrad off;
    Tensor w = x;
    for (int i = 0; i < 200000; ++i) w = step(w);
  }
}

// Results must not own themselves through their closures: all memory comes back with the last handle.
void test_no_leaks() {
  const std::size_t before = Pool::global().live_bytes();
  {
    const Tensor x = leaf({0.5, 0.1, -1, 2}, {2, 2});
    Tensor y = x;
    for (Unary op : {Unary::exp, Unary::tanh, Unary::gelu, Unary::sigmoid}) y = unary(op, y);
    y = softmax(log_softmax(sparsemax(y)));
    y = dense(dense(y, x, {}, Unary::tanh), x, {}, Unary::sigmoid);
    y = divide(max(y, {0}, true), sum(y));
    EXPECT(Leaf::requires_grad(y));
  }
  EXPECT(Pool::global().live_bytes() == before);
}

void test_logits() {
  const Tensor x = leaf({3, -200}, {2, 1});
  const Tensor p = unary(Unary::sigmoid, x);
  EXPECT(logits_of(p, Squash::sigmoid).same_as(x));
  EXPECT(!logits_of(p, Squash::softmax).defined());
  EXPECT(!logits_of(x, Squash::sigmoid).defined());
  // p is 0 in float64's eyes or nearly; from the logit the loss is exact and so is its gradient
  const Tensor t = tensor_of({0, 1}, {2, 1});
  const Tensor loss = pointwise_loss(PointwiseLoss::binary_cross_entropy, p, t, {0, 1e-7});
  EXPECT_NEAR(values_of(loss)[1], 200, 1e-9);
  backward(sum(loss));
  EXPECT_NEAR(grad_at(x, 0), 1 / (1 + std::exp(-3.0)), 1e-12);
  EXPECT_NEAR(grad_at(x, 1), -1, 1e-12);
  const NoGrad off;
  EXPECT(logits_of(softmax(x), Squash::softmax).same_as(x));
  EXPECT(logits_of(dense(x, tensor_of({1}, {1, 1}), {}, Unary::sigmoid), Squash::sigmoid).defined());
}

// A step with dropout: replays draw anew, in the order of an eager loop.
void test_replay_draws_anew() {
  Generator generator(5);
  const Tensor x = tensor_of(std::vector<double>(64, 1.0), {64});
  Program program;
  Tensor recorded;
  {
    const Program::Recording recording(program);
    recorded = dropout(x, 0.5, {}, generator);
  }
  const std::vector<double> first = values_of(recorded);
  program.replay();
  const std::vector<double> second = values_of(recorded);
  EXPECT(first != second);
  generator.set_state(5, 0);
  EXPECT(values_of(dropout(x, 0.5, {}, generator)) == first);
  EXPECT(values_of(dropout(x, 0.5, {}, generator)) == second);
  EXPECT(generator.counter() == 2);
}

// The step of a small network asks the system for memory when it is recorded, never when it is replayed; an eager one
// is served from the pool from the second time on. It is as many calls as it has parts.
void test_steady_step() {
  const Tensor x = tensor_of({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}, DType::float32);
  const Tensor t = tensor_of({0, 1, 1, 0}, {4, 1}, DType::float32);
  const Tensor w1 = leaf(std::vector<double>(16, 0.3), {2, 8}, DType::float32);
  const Tensor b1 = leaf(std::vector<double>(8, 0.1), {8}, DType::float32);
  const Tensor w2 = leaf(std::vector<double>(8, -0.2), {8, 1}, DType::float32);
  const Tensor b2 = leaf({0.0}, {1}, DType::float32);
  const auto step = [&] {
    for (const Tensor& p : {w1, b1, w2, b2}) Leaf::clear_grad(p);
    const Tensor y = dense(dense(x, w1, b1, Unary::tanh), w2, b2, Unary::sigmoid);
    const Tensor loss = weighted_mean(pointwise_loss(PointwiseLoss::squared_error, y, t), {});
    backward(loss);
    return loss;
  };
  step();
  std::uint64_t before = system_allocations();
  for (int i = 0; i < 100; ++i) step();
  EXPECT(system_allocations() == before);

  Program program;
  Tensor loss;
  {
    const Program::Recording recording(program);
    loss = step();
  }
  const double first = item(loss);
  before = system_allocations();
  for (int i = 0; i < 100; ++i) program.replay();
  EXPECT(system_allocations() == before);
  EXPECT(item(loss) == first);
  // 2 products, loss and mean forward; seed, their gradients, 2 activations (that of tanh sums the bias's gradient
  // too), a bias sum, 3 products backward
  EXPECT(program.size() == 13);
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  test_accumulation();
  test_gradients_of_some();
  test_passed_gradients_are_not_shared();
  test_errors();
  test_modes();
  test_casts_in_gradients();
  test_long_chains();
  test_no_leaks();
  test_logits();
  test_replay_draws_anew();
  test_steady_step();
  return result();
}
