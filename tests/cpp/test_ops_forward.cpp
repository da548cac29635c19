// Values of the ops against plain loops, their dtypes, empty tensors, and the texts of their errors.
#include <algorithm>
#include <limits>

#include "check.h"
#include "ops_table.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/norm.h"
#include "ranvier/ops/random.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::testing {
namespace {

using namespace ranvier::ops;
using Values = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();

Tensor random_tensor(const Shape& shape, std::uint64_t seed, double low = -2, double high = 2,
                     DType dtype = DType::float64) {
  Numbers numbers(seed);
  Values v(static_cast<std::size_t>(shape.numel()));
  for (double& value : v) value = low + (high - low) * numbers.next();
  return tensor_of(v, shape, dtype);
}

Tensor ints(const Values& v, const Shape& shape, DType dtype = DType::int64) { return tensor_of(v, shape, dtype); }
Tensor number(double v, DType dtype = DType::float64) { return full({}, v, dtype); }

constexpr double tolerance = 1e-12;  // float64 everywhere

void expect_values(int line, const Tensor& got, const Shape& shape, const Values& expected) {
  if (!(got.shape() == shape)) {
    report(false, __FILE__, line, concat_text("expected shape ", shape, ", got ", got.shape()));
    return;
  }
  const Values v = values_of(got);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool near = v[i] == expected[i] || (std::isnan(v[i]) && std::isnan(expected[i])) ||
                      std::abs(v[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i]));
    report(near, __FILE__, line, concat_text("at ", i, ": expected ", expected[i], ", got ", v[i]));
  }
}
#define EXPECT_VALUES(...) expect_values(__LINE__, __VA_ARGS__)

using Position = std::array<Index, max_rank>;

// Calls f with every position of `shape`, last axis fastest.
template <class F>
void for_each(const Shape& shape, const F& f) {
  Position at{};
  for (Index n = 0; n < shape.numel(); ++n) {
    Index rest = n;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      at[static_cast<std::size_t>(i)] = rest % shape[i];
      rest /= shape[i];
    }
    f(at);
  }
}

// The element of x that a broadcast to `rank` axes has at a position.
double broadcast_at(const Tensor& x, const Position& at, int rank) {
  const auto strides = strides_of(x.shape());
  Index offset = 0;
  for (int i = 0; i < x.rank(); ++i) {
    const auto from = static_cast<std::size_t>(i + rank - x.rank());
    if (x.dim(i) != 1) offset += at[from] * strides[static_cast<std::size_t>(i)];
  }
  return values_of(x)[static_cast<std::size_t>(offset)];
}

void test_binary() {
  const std::vector<std::pair<Shape, Shape>> pairs = {
      {{3, 5}, {5}}, {{4, 1}, {1, 3}}, {{}, {2, 3}}, {{2, 3, 1, 4}, {3, 2, 1}}, {{67, 33}, {67, 33}}, {{0, 3}, {1}}};
  for (const auto& [sa, sb] : pairs) {
    const Tensor a = random_tensor(sa, 1, 0.2, 2);
    const Tensor b = random_tensor(sb, 2, 0.2, 2);
    const Shape shape = broadcast_shapes(sa, sb, "test");
    const auto expect = [&](Binary op, double (*f)(double, double)) {
      Values expected;
      for_each(shape, [&](const Position& at) {
        expected.push_back(f(broadcast_at(a, at, shape.rank()), broadcast_at(b, at, shape.rank())));
      });
      EXPECT_VALUES(binary(op, a, b), shape, expected);
    };
    expect(Binary::add, [](double x, double y) { return x + y; });
    expect(Binary::subtract, [](double x, double y) { return x - y; });
    expect(Binary::multiply, [](double x, double y) { return x * y; });
    expect(Binary::divide, [](double x, double y) { return x / y; });
    expect(Binary::power, [](double x, double y) { return std::pow(x, y); });
    expect(Binary::maximum, [](double x, double y) { return std::max(x, y); });
    expect(Binary::minimum, [](double x, double y) { return std::min(x, y); });
    Values less;
    for_each(shape, [&](const Position& at) {
      less.push_back(broadcast_at(a, at, shape.rank()) < broadcast_at(b, at, shape.rank()) ? 1 : 0);
    });
    EXPECT_VALUES(compare(Compare::less, a, b), shape, less);
  }
  EXPECT_THROWS(add(random_tensor({2, 3}, 1), random_tensor({4}, 1)), ValueError, "(2, 3) and (4,)");
}

void test_dtypes() {
  const Tensor i32 = ints({1, -2, 7}, {3}, DType::int32);
  const Tensor i64 = ints({2, 2, 2}, {3});
  const Tensor f32 = ints({0.5, 1, 2}, {3}, DType::float32);
  const Tensor bits = ints({1, 0, 1}, {3}, DType::boolean);
  EXPECT(add(i32, i64).dtype() == DType::int64);
  EXPECT(add(i64, f32).dtype() == DType::float32);
  EXPECT(add(f32, number(1)).dtype() == DType::float64);
  EXPECT(add(bits, bits).dtype() == DType::int32);
  EXPECT_VALUES(add(bits, bits), Shape{3}, Values{2, 0, 2});
  EXPECT(divide(i64, i32).dtype() == DType::float32);
  EXPECT_VALUES(divide(i32, i64), Shape{3}, Values{0.5, -1, 3.5});
  EXPECT(binary(Binary::power, i32, i64).dtype() == DType::int64);
  EXPECT_VALUES(binary(Binary::power, i32, i64), Shape{3}, Values{1, 4, 49});
  EXPECT_VALUES(unary(Unary::negative, i32), Shape{3}, Values{-1, 2, -7});
  EXPECT_VALUES(unary(Unary::abs, i32), Shape{3}, Values{1, 2, 7});
  EXPECT_VALUES(unary(Unary::sign, i32), Shape{3}, Values{1, -1, 1});
  EXPECT_VALUES(unary(Unary::square, i64), Shape{3}, Values{4, 4, 4});
  EXPECT_VALUES(unary(Unary::relu, i32), Shape{3}, Values{1, 0, 7});
  EXPECT_VALUES(unary(Unary::relu6, i32), Shape{3}, Values{1, 0, 6});
  EXPECT(unary(Unary::relu, i32).dtype() == DType::int32);
  EXPECT(unary(Unary::exp, i32).dtype() == DType::float32);
  EXPECT(sum(bits).dtype() == DType::int32);
  EXPECT(mean(i64).dtype() == DType::float32);
  EXPECT_NEAR(item(mean(i32)), 2, 1e-6);
  EXPECT(max(bits).dtype() == DType::boolean && item(min(bits)) == 0);
  EXPECT_VALUES(cast(ints({1.9, -1.9, std::nan("")}, {3}, DType::float64), DType::int32), Shape{3}, Values{1, -1, 0});
  EXPECT_VALUES(cast(f32, DType::boolean), Shape{3}, Values{1, 1, 1});
  EXPECT_VALUES(where(bits, i32, f32), Shape{3}, Values{1, 1, 7});
  EXPECT(where(bits, bits, bits).dtype() == DType::boolean);
  EXPECT_VALUES(where(f32, number(3), number(4)), Shape{3}, Values{3, 3, 3});
  EXPECT_THROWS(matmul(ints({1}, {1, 1}), ints({1}, {1, 1})), TypeError, "matmul");
  EXPECT_THROWS(unary(Unary::exp, softmax(tensor_of({1}, {}))), ValueError, "softmax");
}

void test_products() {
  struct Product {
    Shape a, b;
    bool ta, tb;
    Shape y;
  };
  for (const Product& p : std::vector<Product>{{{2, 3}, {3, 4}, false, false, {2, 4}},
                                               {{3, 2}, {4, 3}, true, true, {2, 4}},
                                               {{5, 2, 3}, {3, 4}, false, false, {5, 2, 4}},
                                               {{5, 1, 2, 3}, {6, 4, 3}, false, true, {5, 6, 2, 4}},
                                               {{2, 3}, {5, 3, 4}, false, false, {5, 2, 4}},
                                               {{3}, {3}, false, false, {}},
                                               {{3}, {5, 3, 4}, false, false, {5, 4}},
                                               {{5, 2, 3}, {3}, false, false, {5, 2}},
                                               {{2, 0}, {0, 4}, false, false, {2, 4}}}) {
    const Tensor a = random_tensor(p.a, 1);
    const Tensor b = random_tensor(p.b, 2);
    // as matrices with every batch axis spelled out
    const Tensor am = p.a.rank() == 1 ? reshape(a, {1, -1}) : (p.ta ? transpose(a) : a);
    const Tensor bm =
        p.b.rank() == 1 ? reshape(b, {-1, 1}) : (p.tb ? (p.b.rank() == 2 ? transpose(b) : transpose(b, {0, 2, 1})) : b);
    Shape shape = broadcast_shapes(am.shape().slice(0, am.rank() - 2), bm.shape().slice(0, bm.rank() - 2), "test");
    const Index m = am.dim(am.rank() - 2);
    const Index k = am.dim(am.rank() - 1);
    const Index n = bm.dim(bm.rank() - 1);
    shape.push_back(m);
    shape.push_back(n);
    Values expected;
    for_each(shape, [&](Position at) {
      const auto last = static_cast<std::size_t>(shape.rank() - 1);
      const Index column = at[last];
      const Index line = at[last - 1];
      double total = 0;
      for (Index i = 0; i < k; ++i) {
        at[last - 1] = line;
        at[last] = i;
        const double left = broadcast_at(am, at, shape.rank());
        at[last - 1] = i;
        at[last] = column;
        total += left * broadcast_at(bm, at, shape.rank());
      }
      expected.push_back(total);
    });
    EXPECT_VALUES(matmul(a, b, p.ta, p.tb), p.y, expected);
  }
  EXPECT_THROWS(matmul(random_tensor({2, 3}, 1), random_tensor({4, 5}, 1)), ValueError,
                "expected inner dimensions to agree, received (2, 3) and (4, 5)");
  EXPECT_THROWS(matmul(random_tensor({2, 3}, 1), number(1)), ValueError, "use * for a scalar");

  const Tensor x = random_tensor({2, 3, 4}, 3);
  const Tensor w = random_tensor({4, 5}, 4);
  const Tensor b = random_tensor({5}, 5);
  for (Unary op : {Unary::identity, Unary::tanh, Unary::sigmoid, Unary::gelu, Unary::relu}) {
    const Values expected = values_of(unary(op, add(matmul(x, w), b)));
    EXPECT_VALUES(dense(x, w, b, op), (Shape{2, 3, 5}), expected);
  }
  EXPECT_THROWS(dense(x, random_tensor({3, 5}, 1), b), ValueError,
                "expected 3 features (last axis), received x with shape (2, 3, 4)");
  EXPECT_THROWS(dense(x, w, x), ValueError, "expected a bias of shape (5,)");
}

void test_reductions() {
  const std::vector<std::pair<Shape, Axes>> cases = {
      {{3, 5}, {}},           {{3, 5}, {0}},          {{3, 5}, {1}},    {{2, 3, 4}, {0, 2}},
      {{2, 3, 4, 5}, {1, 3}}, {{2, 3, 4, 5}, {1, 2}}, {{2, 1, 4}, {1}}, {{}, {}}};
  for (const auto& [shape, axes] : cases) {
    const Tensor x = random_tensor(shape, 7);
    std::array<bool, max_rank> reduced{};
    for (int i = 0; i < shape.rank(); ++i) reduced[static_cast<std::size_t>(i)] = axes.empty();
    for (Index axis : axes) reduced[static_cast<std::size_t>(axis)] = true;
    Shape kept = shape;
    for (int i = 0; i < shape.rank(); ++i) {
      if (reduced[static_cast<std::size_t>(i)]) kept[i] = 1;
    }
    const auto expect = [&](const Tensor& y, double start, auto&& f) {
      Values expected(static_cast<std::size_t>(kept.numel()), start);
      const auto strides = strides_of(kept);
      std::size_t n = 0;
      const Values all_values = values_of(x);
      for_each(shape, [&](const Position& at) {
        Index to = 0;
        for (int i = 0; i < shape.rank(); ++i) {
          const auto d = static_cast<std::size_t>(i);
          if (!reduced[d]) to += at[d] * strides[d];
        }
        double& target = expected[static_cast<std::size_t>(to)];
        target = f(target, all_values[n++]);
      });
      EXPECT_VALUES(y, kept, expected);
      return expected;
    };
    const double count = static_cast<double>(x.numel() / std::max<Index>(kept.numel(), 1));
    expect(sum(x, axes, true), 0, [](double a, double v) { return a + v; });
    expect(mean(x, axes, true), 0, [&](double a, double v) { return a + v / count; });
    expect(max(x, axes, true), -inf, [](double a, double v) { return std::max(a, v); });
    expect(min(x, axes, true), inf, [](double a, double v) { return std::min(a, v); });
    expect(prod(x, axes, true), 1, [](double a, double v) { return a * v; });
    const Values squares =
        expect(mean(multiply(x, x), axes, true), 0, [&](double a, double v) { return a + v * v / count; });
    Values expected = values_of(mean(x, axes, true));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = squares[i] - expected[i] * expected[i];
    EXPECT_VALUES(variance(x, axes, true), kept, expected);
    const Tensor positive = compare(Compare::greater, x, number(0));
    expect(any(positive, axes, true), 0, [](double a, double v) { return a != 0 || v > 0 ? 1.0 : 0.0; });
    expect(all(positive, axes, true), 1, [](double a, double v) { return a != 0 && v > 0 ? 1.0 : 0.0; });
  }
  const Tensor x = ints({3, 9, 9, 4, 0, 4}, {2, 3});
  EXPECT_VALUES(argmax(x, 1), Shape{2}, Values{1, 0});
  EXPECT_VALUES(argmin(x, 0), Shape{3}, Values{0, 1, 1});
  EXPECT_VALUES(argmax(x, -1, true), (Shape{2, 1}), Values{1, 0});
  EXPECT_VALUES(sum(x, {0}), Shape{3}, Values{7, 9, 13});
  EXPECT_VALUES(max(x, {1}), Shape{2}, Values{9, 4});

  const Tensor none = empty({0, 3}, DType::float64);
  EXPECT_VALUES(sum(none, {0}), Shape{3}, Values{0, 0, 0});
  EXPECT_VALUES(sum(none), Shape{}, Values{0});
  EXPECT_VALUES(prod(none, {0}), Shape{3}, Values{1, 1, 1});
  EXPECT_VALUES(mean(none, {0}), Shape{3}, Values{std::nan(""), std::nan(""), std::nan("")});
  EXPECT(sum(none, {1}).shape() == Shape{0});
  EXPECT(max(none, {1}).shape() == Shape{0});
  EXPECT(item(cast(all(empty({0}, DType::boolean)), DType::int32)) == 1);
  EXPECT(item(cast(any(empty({0}, DType::boolean)), DType::int32)) == 0);
  EXPECT_THROWS(max(none, {0}), ValueError, "expected at least one element");
  EXPECT_THROWS(argmin(none, 0), ValueError, "expected at least one element");
  EXPECT_THROWS(sum(x, {2}), ValueError, "axis 2 is out of range");
  EXPECT_THROWS(sum(x, {0, -2}), ValueError, "appears twice");
  EXPECT(std::isnan(item(max(tensor_of({1, std::nan(""), 3}, {3})))));
}

void test_moves() {
  const Tensor x = random_tensor({4, 5, 6}, 9);
  const Values v = values_of(x);
  const auto at = [&](Index i, Index j, Index k) { return v[static_cast<std::size_t>((i * 5 + j) * 6 + k)]; };
  const auto expect = [&](const Tensor& y, const Shape& shape, const std::function<double(Index, Index, Index)>& f) {
    Values expected;
    for_each(shape, [&](const Position& p) { expected.push_back(f(p[0], p[1], p[2])); });
    EXPECT_VALUES(y, shape, expected);
  };
  expect(transpose(x, {2, 0, 1}), {6, 4, 5}, [&](Index i, Index j, Index k) { return at(j, k, i); });
  expect(transpose(x), {6, 5, 4}, [&](Index i, Index j, Index k) { return at(k, j, i); });
  expect(slice(x, {{1, 3}, {{}, {}, 2}, {-2, {}}}), {2, 3, 2},
         [&](Index i, Index j, Index k) { return at(i + 1, 2 * j, k + 4); });
  expect(slice(x, {{{}, {}, -1}, {3, 0, -2}}), {4, 2, 6},
         [&](Index i, Index j, Index k) { return at(3 - i, 3 - 2 * j, k); });
  expect(slice(x, {{-100, 100}, {100, -100, -1}}), {4, 5, 6},
         [&](Index i, Index j, Index k) { return at(i, 4 - j, k); });
  expect(slice(x, {{2, 4}}), {2, 5, 6}, [&](Index i, Index j, Index k) { return at(i + 2, j, k); });
  EXPECT(slice(x, {{2, 4}}).raw() == rows(x, 2, 2).raw());  // rows are shared, not copied
  EXPECT(slice(x, {{3, 1}}).shape() == (Shape{0, 5, 6}));
  EXPECT(slice(slice(x, {{3, 1}}), {{{}, {}, -1}}).shape() == (Shape{0, 5, 6}));
  expect(flip(x, {0, 2}), {4, 5, 6}, [&](Index i, Index j, Index k) { return at(3 - i, j, 5 - k); });
  expect(pad(x, {{1, 0}, {0, 2}, {1, 1}}, 7), {5, 7, 8},
         [&](Index i, Index j, Index k) { return i >= 1 && j < 5 && k >= 1 && k < 7 ? at(i - 1, j, k - 1) : 7; });
  expect(concatenate({x, slice(x, {{}, {0, 2}})}, 1), {4, 7, 6},
         [&](Index i, Index j, Index k) { return at(i, j < 5 ? j : j - 5, k); });
  expect(broadcast_to(slice(x, {{}, {1, 2}}), {4, 3, 6}), {4, 3, 6},
         [&](Index i, Index, Index k) { return at(i, 1, k); });
  expect(gather(x, ints({3, -1, 0}, {3}), 1), {4, 3, 6}, [&](Index i, Index j, Index k) {
    return at(i, std::array<Index, 3>{3, 4, 0}[static_cast<std::size_t>(j)], k);
  });
  EXPECT(gather(x, ints({1, 2, 3, 0}, {2, 2}, DType::int32), 0).shape() == (Shape{2, 2, 5, 6}));
  EXPECT(stack({x, x}, -1).shape() == (Shape{4, 5, 6, 2}));
  EXPECT(repeat(x, 3, 0).shape() == (Shape{3, 4, 5, 6}));
  EXPECT(squeeze(reshape(x, {1, 20, 1, 6})).shape() == (Shape{20, 6}));
  EXPECT(reshape(x, {-1, 6}).raw() == x.raw());
  EXPECT_VALUES(one_hot(ints({2, 0, 3, -1}, {4}), 3, DType::float32), (Shape{4, 3}),
                Values{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT(one_hot(ints({1}, {1}), 2, DType::boolean).dtype() == DType::boolean);
  EXPECT_VALUES(arange(1, 2, 0.25, DType::float64), Shape{4}, Values{1, 1.25, 1.5, 1.75});
  EXPECT_VALUES(arange(5, 0, -2, DType::int32), Shape{3}, Values{5, 3, 1});
  EXPECT(arange(1, 1, 1, DType::int64).numel() == 0);
  EXPECT_VALUES(transpose(ints({1, 0, 1, 1, 0, 0}, {2, 3}, DType::boolean)), (Shape{3, 2}), Values{1, 1, 0, 0, 1, 0});

  EXPECT_THROWS(reshape(x, {7, -1}), ValueError, "cannot shape");
  EXPECT_THROWS(reshape(x, {-1, -1}), ValueError, "at most one -1");
  EXPECT_THROWS(transpose(x, {0, 0, 1}), ValueError, "appears twice");
  EXPECT_THROWS(concatenate({x, transpose(x)}, 0), ValueError, "(4, 5, 6) and (6, 5, 4)");
  EXPECT_THROWS(gather(x, ints({0, 4}, {2}), 0), ValueError,
                "expected indices in [-4, 4) on axis 0, received 4 at position 1");
  EXPECT_THROWS(gather(x, tensor_of({1}, {1}), 0), TypeError, "expected integer indices");
  EXPECT_THROWS(slice(x, {{{}, {}, 0}}), ValueError, "step other than 0");
  EXPECT_THROWS(pad(x, {{1, 1}}), ValueError, "expected 3 pairs");
  EXPECT_THROWS(squeeze(x, {0}), ValueError, "expected size 1");
  EXPECT_THROWS(broadcast_to(x, {5, 6}), ValueError, "cannot be repeated");

  // While a program records nobody looks at the indices: they are kept inside.
  Program program;
  const Tensor wild = ints({0, 999, -999}, {3});
  Tensor y;
  {
    const Program::Recording recording(program);
    y = gather(reshape(x, {-1}), wild);
  }
  EXPECT_VALUES(y, Shape{3}, Values{v[0], v.back(), v[0]});
}

void test_losses() {
  const Tensor x = tensor_of({1, 2, 3, 1000, 0, -1000}, {2, 3});
  const double z = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
  EXPECT_VALUES(log_softmax(x), (Shape{2, 3}), Values{1 - z, 2 - z, 3 - z, 0, -1000, -2000});
  EXPECT_VALUES(sparse_categorical_cross_entropy(x, ints({0, 1}, {2}), true), Shape{2}, Values{z - 1, 1000});
  EXPECT_VALUES(sparse_categorical_cross_entropy(softmax(x), ints({0, 1}, {2, 1}), false), Shape{2},
                Values{z - 1, 1000});
  EXPECT_VALUES(sparse_categorical_cross_entropy(x, tensor_of({0, 2}, {2}), true, Index{2}), Shape{2},
                Values{z - 1, 0});
  const Tensor t = tensor_of({0, 0, 1, 0.5, 0.5, 0}, {2, 3});
  EXPECT_VALUES(categorical_cross_entropy(x, t, true), Shape{2}, Values{z - 3, 500});
  // probabilities of unknown origin: normalised, then clipped
  const Tensor p = tensor_of({1, 1, 2, 0, 1, 1}, {2, 3});
  EXPECT_VALUES(categorical_cross_entropy(p, t, false), Shape{2},
                Values{-std::log(0.5), -0.5 * std::log(1e-7) - 0.5 * std::log(0.5)});
  EXPECT_VALUES(sparse_categorical_cross_entropy(p, ints({2, 1}, {2}), false), Shape{2},
                Values{-std::log(0.5), -std::log(0.5)});
  EXPECT_VALUES(categorical_cross_entropy(p, t, false, 0.3), Shape{2},
                Values{-0.1 * 2 * std::log(0.25) - 0.8 * std::log(0.5),
                       -0.45 * (std::log(1e-7) + std::log(0.5)) - 0.1 * std::log(0.5)});

  const Tensor a = tensor_of({1, 2, 3}, {3, 1});
  const Tensor b = ints({1, 4, 0}, {3});
  EXPECT_VALUES(pointwise_loss(PointwiseLoss::squared_error, a, b), Shape{3}, Values{0, 4, 9});
  EXPECT_VALUES(pointwise_loss(PointwiseLoss::squared_error, reshape(a, {3}), reshape(b, {3, 1})), Shape{},
                Values{13.0 / 3});
  EXPECT_VALUES(weighted_mean(tensor_of({1, 2, 3, 4}, {2, 2}), tensor_of({1, 0.5}, {2})), Shape{}, Values{6.5 / 4});
  EXPECT_VALUES(weighted_sum(tensor_of({1, 2, 3, 4}, {4}), ints({1, 0, 1, 0}, {4, 1})), Shape{}, Values{4});
  EXPECT_VALUES(weighted_mean(tensor_of({1, 2}, {2}), {}), Shape{}, Values{1.5});
  EXPECT_VALUES(l1l2_penalty(tensor_of({1, -2}, {2}), 0.1, 0.01), Shape{}, Values{0.35});

  EXPECT_THROWS(pointwise_loss(PointwiseLoss::squared_error, x, ints({1, 2}, {2})), ValueError,
                "expected a target of shape (2, 3) like the prediction, received shape (2,)");
  EXPECT_THROWS(categorical_cross_entropy(x, ints({1, 2}, {2}), true), ValueError, "sparse_categorical_crossentropy");
  EXPECT_THROWS(sparse_categorical_cross_entropy(x, t, true), ValueError, "one-hot targets belong to");
  EXPECT_THROWS(weighted_mean(tensor_of({1, 2}, {2}), tensor_of({1, 2, 3}, {3})), ValueError,
                "expected sample weights of shape (2,)");
}

void test_normalisation() {
  const Tensor x = random_tensor({50, 3}, 3);
  const Tensor mean_moving = full({3}, 1, DType::float64);
  const Tensor variance_moving = full({3}, 2, DType::float64);
  const Values m = values_of(mean(x, {0}));
  const Values s = values_of(variance(x, {0}));
  Moments batch;
  const Tensor y = batch_norm_train(x, -1, 1e-3, {}, &batch);
  move_average(mean_moving, batch.mean, 0.9);
  move_average(variance_moving, batch.variance, 0.9);
  Values expected;
  const Values v = values_of(x);
  for (std::size_t i = 0; i < v.size(); ++i) expected.push_back((v[i] - m[i % 3]) / std::sqrt(s[i % 3] + 1e-3));
  EXPECT_VALUES(y, (Shape{50, 3}), expected);
  EXPECT_VALUES(mean_moving, Shape{3}, Values{0.9 + 0.1 * m[0], 0.9 + 0.1 * m[1], 0.9 + 0.1 * m[2]});
  EXPECT_VALUES(variance_moving, Shape{3}, Values{1.8 + 0.1 * s[0], 1.8 + 0.1 * s[1], 1.8 + 0.1 * s[2]});
  EXPECT_THROWS(batch_norm_train(x, -1, 1e-3, {full({4}, 1, DType::float64), {}}), ValueError,
                "expected gamma of shape (3,)");
  EXPECT_THROWS(batch_norm_train(empty({0, 3}, DType::float64), -1, 1e-3, {}), ValueError, "at least one");

  const Tensor rows_mean = mean(x, {1}, true);
  const Tensor rows_variance = variance(x, {1}, true);
  const Tensor by_hand = divide(subtract(x, rows_mean), unary(Unary::sqrt, add(rows_variance, number(1e-3))));
  EXPECT_VALUES(layer_norm(x, 1, 1e-3, {}), (Shape{50, 3}), values_of(by_hand));
}

void test_random() {
  Generator g(1);
  const Index n = 200000;
  const auto spread = [](const Tensor& x) { return item(unary(Unary::sqrt, variance(x))); };
  const Tensor u = random_uniform({n}, -1, 3, DType::float64, g);
  EXPECT_NEAR(item(mean(u)), 1, 0.02);
  EXPECT(item(min(u)) >= -1 && item(max(u)) < 3);
  EXPECT_NEAR(item(mean(random_normal({n}, 2, 3, false, DType::float64, g))), 2, 0.05);
  const Tensor cut = random_normal({n}, 0, 1, true, DType::float32, g);
  EXPECT(item(max(unary(Unary::abs, cut))) <= 2);
  const Tensor d = random_integers({n}, -2, 3, g);
  EXPECT(item(min(d)) == -2 && item(max(d)) == 2);
  Values order = values_of(random_permutation(1000, g));
  EXPECT(!std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT(order[i] == static_cast<double>(i));

  const Tensor ones = full({n}, 1, DType::float64);
  EXPECT_NEAR(item(mean(dropout(ones, 0.25, {}, g))), 1, 0.01);
  EXPECT_NEAR(item(max(dropout(ones, 0.25, {}, g))), 1 / 0.75, 1e-12);
  EXPECT_NEAR(spread(gaussian_dropout(ones, 0.2, g)), 0.5, 0.01);
  EXPECT_NEAR(spread(gaussian_noise(ones, 0.3, g)), 0.3, 0.01);
  const Tensor normal = random_normal({n}, 0, 1, false, DType::float64, g);
  const Tensor kept = alpha_dropout(normal, 0.3, {}, g);
  EXPECT_NEAR(item(mean(kept)), 0, 0.02);
  EXPECT_NEAR(spread(kept), 1, 0.02);
  const Tensor shared = dropout(full({100, 4}, 1, DType::float64), 0.5, {100, 1}, g);
  EXPECT_VALUES(variance(shared, {1}), Shape{100}, Values(100, 0.0));
  EXPECT(dropout(ones, 0, {}, g).same_as(ones));
  EXPECT_NEAR(item(sum(dropout(ones, 1, {}, g))), 0, 0);
  EXPECT_THROWS(dropout(ones, 1.5, {}, g), ValueError, "expected a rate in [0, 1], received 1.5");
  EXPECT_THROWS(dropout(ones, 0.5, {3}, g), ValueError, "cannot be broadcast");
  EXPECT_THROWS(random_integers({1}, 3, 3, g), ValueError, "expected low < high");

  set_random_seed(42);
  const Values first = values_of(random_uniform({8}, 0, 1, DType::float32, default_generator()));
  EXPECT(values_of(random_uniform({8}, 0, 1, DType::float32, default_generator())) != first);
  set_random_seed(42);
  EXPECT(values_of(random_uniform({8}, 0, 1, DType::float32, default_generator())) == first);
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  test_binary();
  test_dtypes();
  test_products();
  test_reductions();
  test_moves();
  test_losses();
  test_normalisation();
  test_random();
  return result();
}
