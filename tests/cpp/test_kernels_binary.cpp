// Broadcasting arithmetic, its gradients, comparisons and selection, against loops written index by index.
#include <functional>
#include <memory>

#include "kernels_support.h"
#include "ranvier/core/check.h"
#include "ranvier/kernels/binary.h"

namespace ranvier::testing {
namespace {

using kernels::Binary;
using kernels::Compare;

struct Operands {
  Shape a, b, out;
};

/// Two shapes that broadcast, of up to four axes: axes of 1 and missing leading axes at random.
Operands random_shapes(std::mt19937& generator, Index largest) {
  const auto draw = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); };
  const int rank = draw(0, 4);
  std::vector<Index> a;
  std::vector<Index> b;
  for (int i = 0; i < rank; ++i) {
    const Index dim = draw(0, 12) == 0 ? 0 : draw(1, static_cast<int>(largest));
    const int kind = draw(0, 3);
    a.push_back(kind == 1 ? 1 : dim);
    b.push_back(kind == 2 ? 1 : dim);
  }
  const auto skip = [&](std::vector<Index>& dims, const std::vector<Index>& other) {
    while (!dims.empty() && dims[0] == 1 && (other.size() < dims.size() || draw(0, 1) == 1)) dims.erase(dims.begin());
  };
  skip(a, b);
  Operands shapes{Shape(std::span<const Index>(a)), Shape(std::span<const Index>(b)), {}};
  shapes.out = broadcast_shapes(shapes.a, shapes.b, "test");
  return shapes;
}

/// Offset in an operand of `shape` of the element at flat position `at` of `out`.
Index offset_of(const Shape& shape, const Shape& out, Index at) {
  const auto strides = strides_of(shape);
  Index offset = 0;
  for (int i = out.rank() - 1; i >= 0; --i) {
    const Index k = at % out[i];
    at /= out[i];
    const int axis = i - (out.rank() - shape.rank());
    if (axis >= 0 && shape[axis] != 1) offset += k * strides[static_cast<std::size_t>(axis)];
  }
  return offset;
}

template <class T>
T reference(Binary op, T a, T b) {
  switch (op) {
    case Binary::add:
      return a + b;
    case Binary::subtract:
      return a - b;
    case Binary::multiply:
      return a * b;
    case Binary::divide:
      return a / b;
    case Binary::power:
      return static_cast<T>(std::pow(static_cast<double>(a), static_cast<double>(b)));
    case Binary::maximum:
      return std::max(a, b);
    default:
      return std::min(a, b);
  }
}

constexpr Binary all_ops[] = {Binary::add,   Binary::subtract, Binary::multiply, Binary::divide,
                              Binary::power, Binary::maximum,  Binary::minimum};

template <class T>
void values(int rounds, Index largest) {
  std::mt19937 generator(7);
  for (int round = 0; round < rounds; ++round) {
    const Operands s = random_shapes(generator, largest);
    const Broadcast plan = broadcast_plan(s.a, s.b, s.out);
    const auto seed = static_cast<unsigned>(round);
    // Positive numbers for power; the integers stay below overflow.
    std::vector<T> a = random_vector<T>(s.a.numel(), seed, 1, 9);
    const std::vector<T> b = random_vector<T>(s.b.numel(), seed + 1000, 1, 9);
    const Index n = s.out.numel();
    for (Binary op : all_ops) {
      const bool float_only = op == Binary::divide || op == Binary::power;
      if (float_only && !std::is_floating_point_v<T>) continue;
      std::vector<T> y(static_cast<std::size_t>(n));
      std::vector<T> expected(y.size());
      kernels::binary<T>(op, plan, a.data(), b.data(), y.data());
      for (Index i = 0; i < n; ++i) {
        expected[static_cast<std::size_t>(i)] = reference<T>(op, a[static_cast<std::size_t>(offset_of(s.a, s.out, i))],
                                                             b[static_cast<std::size_t>(offset_of(s.b, s.out, i))]);
      }
      const std::string what = std::string(kernels::name_of(op)) + " " + to_string(s.a) + " " + to_string(s.b);
      expect_all_near(y, expected, op == Binary::power ? 3e-7 : 0, 0, what);
    }
    std::vector<T> twin = random_vector<T>(s.b.numel(), seed + 2000, 1, 3);
    for (T& v : a) v = static_cast<T>(static_cast<int>(v) % 3 + 1);  // equal values happen
    for (T& v : twin) v = static_cast<T>(static_cast<int>(v));
    const std::function<bool(T, T)> tests[] = {[](T p, T q) { return p == q; }, [](T p, T q) { return p != q; },
                                               [](T p, T q) { return p < q; },  [](T p, T q) { return p <= q; },
                                               [](T p, T q) { return p > q; },  [](T p, T q) { return p >= q; }};
    for (int k = 0; k < 6; ++k) {
      const auto y = std::make_unique<bool[]>(static_cast<std::size_t>(n + 1));
      kernels::compare<T>(static_cast<Compare>(k), plan, a.data(), twin.data(), y.get());
      bool right = !y[static_cast<std::size_t>(n)];
      for (Index i = 0; i < n; ++i) {
        const T p = a[static_cast<std::size_t>(offset_of(s.a, s.out, i))];
        const T q = twin[static_cast<std::size_t>(offset_of(s.b, s.out, i))];
        right = right && y[static_cast<std::size_t>(i)] == tests[k](p, q);
      }
      EXPECT_THAT(right, "compare ", k, " of ", to_string(s.a), " and ", to_string(s.b));
    }
  }
}

void gradients() {
  std::mt19937 generator(11);
  for (int round = 0; round < 150; ++round) {
    const Operands s = random_shapes(generator, 9);
    const Broadcast plan = broadcast_plan(s.a, s.b, s.out);
    const auto seed = static_cast<unsigned>(round);
    const std::vector<double> a = random_vector<double>(s.a.numel(), seed, 0.3, 3);
    const std::vector<double> b = random_vector<double>(s.b.numel(), seed + 1000, 0.3, 3);
    const std::vector<double> dy = random_vector<double>(s.out.numel(), seed + 2000);
    const std::vector<double> old = random_vector<double>(s.out.numel(), seed + 3000);
    for (Binary op : all_ops) {
      std::vector<double> da(dy.size());
      std::vector<double> db(old);
      // A sum's gradient reads neither operand, a product's only the other one.
      const bool sum = op == Binary::add || op == Binary::subtract;
      const bool product = op == Binary::multiply;
      kernels::binary_backward_a<double>(op, plan, sum || product ? nullptr : a.data(), sum ? nullptr : b.data(),
                                         dy.data(), da.data(), false);
      kernels::binary_backward_b<double>(op, plan, sum ? nullptr : a.data(), sum || product ? nullptr : b.data(),
                                         dy.data(), db.data(), true);
      std::vector<double> expected_a(dy.size());
      std::vector<double> expected_b(dy.size());
      for (std::size_t i = 0; i < dy.size(); ++i) {
        const double p = a[static_cast<std::size_t>(offset_of(s.a, s.out, static_cast<Index>(i)))];
        const double q = b[static_cast<std::size_t>(offset_of(s.b, s.out, static_cast<Index>(i)))];
        const double h = 1e-6;
        expected_a[i] = dy[i] * (reference(op, p + h, q) - reference(op, p - h, q)) / (2 * h);
        expected_b[i] = old[i] + dy[i] * (reference(op, p, q + h) - reference(op, p, q - h)) / (2 * h);
      }
      expect_all_near(da, expected_a, 1e-7, 1e-8, std::string(kernels::name_of(op)) + " da");
      expect_all_near(db, expected_b, 1e-7, 1e-8, std::string(kernels::name_of(op)) + " db");
    }
  }
}

double one(Binary op, double a, double b) {
  double y = 0;
  kernels::binary<double>(op, broadcast_plan({}, {}, {}), &a, &b, &y);
  return y;
}
double slope(Binary op, bool second, double a, double b) {
  const double dy = 1;
  double d = 0;
  const auto f = second ? &kernels::binary_backward_b<double> : &kernels::binary_backward_a<double>;
  f(op, broadcast_plan({}, {}, {}), &a, &b, &dy, &d, false);
  return d;
}

void special_values() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (Binary op : {Binary::maximum, Binary::minimum}) {
    EXPECT(std::isnan(one(op, nan, 1)));
    EXPECT(std::isnan(one(op, 1, nan)));
    EXPECT(slope(op, false, 2, 2) == 0.5);
    EXPECT(slope(op, true, 2, 2) == 0.5);
  }
  EXPECT(one(Binary::power, 0, 0) == 1);
  EXPECT(one(Binary::power, -2, 3) == -8);
  EXPECT(std::isnan(one(Binary::power, -2, 0.5)));
  EXPECT(slope(Binary::power, false, 0, 0) == 0);
  EXPECT(slope(Binary::power, false, 0, 2) == 0);
  EXPECT(slope(Binary::power, true, 0, 2) == 0);
  std::int32_t a = std::numeric_limits<std::int32_t>::max();
  std::int32_t b = 1;
  std::int32_t y = 0;
  kernels::binary<std::int32_t>(Binary::add, broadcast_plan({}, {}, {}), &a, &b, &y);
  EXPECT(y == std::numeric_limits<std::int32_t>::min());
  EXPECT_THROWS(kernels::binary<std::int32_t>(Binary::divide, broadcast_plan({}, {}, {}), &a, &b, &y), TypeError,
                "divide: expected float32 or float64");
}

void selection() {
  for (Index n : {0, 1, 5, 16, 33, 40000}) {
    const std::vector<float> a = random_vector<float>(n, 1);
    const std::vector<float> b = random_vector<float>(n, 2);
    const auto c = std::make_unique<bool[]>(static_cast<std::size_t>(n + 1));
    for (Index i = 0; i < n; ++i) c[static_cast<std::size_t>(i)] = i % 3 == 0;
    std::vector<float> y(a.size());
    std::vector<float> expected(a.size());
    std::vector<float> da = b;
    std::vector<float> expected_da = b;
    std::vector<float> db(a.size());
    std::vector<float> expected_db(a.size());
    kernels::select<float>(n, c.get(), a.data(), b.data(), y.data());
    kernels::select_backward<float>(n, c.get(), true, a.data(), da.data(), true);
    kernels::select_backward<float>(n, c.get(), false, a.data(), db.data(), false);
    for (std::size_t i = 0; i < a.size(); ++i) {
      expected[i] = c[i] ? a[i] : b[i];
      expected_da[i] += c[i] ? a[i] : 0;
      expected_db[i] = c[i] ? 0 : a[i];
    }
    EXPECT(same_bits(y, expected));
    EXPECT(same_bits(da, expected_da));
    EXPECT(same_bits(db, expected_db));
  }
}

void threads() {
  const Operands large[] = {{{300, 401}, {401}, {300, 401}},
                            {{300, 401}, {300, 1}, {300, 401}},
                            {{120003}, {120003}, {120003}},
                            {{2, 60001}, {60001}, {2, 60001}},
                            {{7, 1, 90}, {300, 1}, {7, 300, 90}}};
  for (const Operands& s : large) {
    const std::vector<float> a = random_vector<float>(s.a.numel(), 1);
    const std::vector<float> b = random_vector<float>(s.b.numel(), 2);
    expect_same_for_all_threads("multiply " + to_string(s.a) + to_string(s.b), [&] {
      std::vector<float> y(static_cast<std::size_t>(s.out.numel()));
      kernels::binary<float>(Binary::multiply, broadcast_plan(s.a, s.b, s.out), a.data(), b.data(), y.data());
      return y;
    });
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  values<float>(200, 40);
  values<double>(60, 20);
  values<std::int32_t>(60, 40);
  values<std::int64_t>(60, 20);
  gradients();
  special_values();
  selection();
  threads();
  return result();
}
