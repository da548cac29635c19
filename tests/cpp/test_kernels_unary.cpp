// Every unary function: values against long double formulas, derivatives against central differences, float against
// double, and the same bits in any position, tail, tile and number of threads.
#include <functional>
#include <map>

#include "kernels_support.h"
#include "ranvier/kernels/unary.h"

namespace ranvier::testing {
namespace {

using kernels::Saves;
using kernels::Unary;
using kernels::UnaryArgs;
using Real = long double;

constexpr Real pi = 3.14159265358979323846264338327950288L;

Real sigmoid(Real x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
Real softplus(Real x) { return std::max(x, Real(0)) + std::log1p(std::exp(-std::abs(x))); }
Real clamp(Real x, Real low, Real high) { return x < low ? low : x > high ? high : x; }
/// x·f where f vanishes faster than x grows.
Real times(Real x, Real f) { return f == 0 ? 0 : x * f; }
Real half_even(Real x) { return std::nearbyint(x); }

struct Case {
  Unary op;
  UnaryArgs args;
  std::function<Real(Real)> f;
  std::vector<Real> kinks{};              // no derivative is asked for near them
  Real low = -20, high = 20;              // where derivatives are asked for
  double ulps = 4;                        // of the value
  std::function<Real(Real)> cancels{};    // magnitude of what is subtracted, if that loses digits
  std::function<Real(Real)> amplifies{};  // how many times a rounding inside counts in the value
};

template <class T>
std::vector<Case> cases() {
  const auto a = [](double x) { return UnaryArgs{x, 0}; };
  std::vector<Case> all{
      {Unary::identity, {}, [](Real x) { return x; }},
      {Unary::negative, {}, [](Real x) { return -x; }},
      {Unary::abs, {}, [](Real x) { return std::abs(x); }, {0}},
      {Unary::sign, {}, [](Real x) { return std::isnan(x) ? x : Real((x > 0) - (x < 0)); }, {0}},
      {Unary::square, {}, [](Real x) { return x * x; }},
      {Unary::sqrt, {}, [](Real x) { return std::sqrt(x); }, {}, 0.01L, 20},
      {Unary::rsqrt, {}, [](Real x) { return 1 / std::sqrt(x); }, {}, 0.01L, 20},
      {Unary::reciprocal, {}, [](Real x) { return 1 / x; }, {}, 0.01L, 20},
      {Unary::exp, {}, [](Real x) { return std::exp(x); }},
      {Unary::expm1, {}, [](Real x) { return std::expm1(x); }},
      {Unary::log, {}, [](Real x) { return std::log(x); }, {}, 0.01L, 20},
      {Unary::log1p, {}, [](Real x) { return std::log1p(x); }, {}, -0.9L, 20},
      {Unary::sin, {}, [](Real x) { return std::sin(x); }},
      {Unary::cos, {}, [](Real x) { return std::cos(x); }},
      {Unary::erf, {}, [](Real x) { return std::erf(x); }},
      {Unary::clip, {-1.5, 2.5}, [](Real x) { return clamp(x, -1.5L, 2.5L); }, {-1.5L, 2.5L}},
      {Unary::pow_scalar, a(3), [](Real x) { return x * x * x; }},
      {Unary::pow_scalar, a(2.5), [](Real x) { return std::pow(x, 2.5L); }, {}, 0.01L, 20},
      {Unary::pow_scalar, a(-1.5), [](Real x) { return std::pow(x, -1.5L); }, {}, 0.01L, 20},
      {Unary::pow_scalar, a(0), [](Real) { return Real(1); }},
      {Unary::step, {}, [](Real x) { return std::isnan(x) ? x : Real(x >= 0); }, {0}},
      {Unary::relu, {}, [](Real x) { return x < 0 ? 0 : x; }, {0}},
      {Unary::relu6, {}, [](Real x) { return clamp(x, 0, 6); }, {0, 6}},
      {Unary::leaky_relu, a(0.3), [](Real x) { return x > 0 ? x : Real(0.3) * x; }, {0}},
      {Unary::elu, a(1), [](Real x) { return x > 0 ? x : std::expm1(x); }, {0}},
      {Unary::elu, a(0.7), [](Real x) { return x > 0 ? x : Real(0.7) * std::expm1(x); }, {0}},
      {Unary::selu,
       {},
       [](Real x) { return 1.05070098735548049342L * (x > 0 ? x : 1.67326324235437728482L * std::expm1(x)); },
       {0}},
      {Unary::celu, a(1.3), [](Real x) { return x > 0 ? x : Real(1.3) * std::expm1(x / Real(1.3)); }, {0}},
      {Unary::gelu, {}, [](Real x) { return times(x, std::erfc(-x / std::sqrt(2.0L)) / 2); }},
      {Unary::gelu_tanh,
       {},
       [](Real x) { return times(x, sigmoid(2 * std::sqrt(2 / pi) * (x + 0.044715L * x * x * x))); }},
      {Unary::silu, {}, [](Real x) { return times(x, sigmoid(x)); }},
      {Unary::mish, {}, [](Real x) { return times(x, std::tanh(softplus(x))); }},
      {Unary::softplus, {}, softplus},
      {Unary::softsign, {}, [](Real x) { return std::isinf(x) ? std::copysign(1.0L, x) : x / (1 + std::abs(x)); }, {0}},
      {Unary::sigmoid, {}, sigmoid},
      {Unary::hard_sigmoid, {}, [](Real x) { return clamp(x + 3, 0, 6) / 6; }, {-3, 3}},
      {Unary::hard_silu, {}, [](Real x) { return times(x, clamp(x + 3, 0, 6) / 6); }, {-3, 3}},
      {Unary::tanh, {}, [](Real x) { return std::tanh(x); }},
      {Unary::hard_tanh, {}, [](Real x) { return clamp(x, -1, 1); }, {-1, 1}},
      {Unary::log_sigmoid, {}, [](Real x) { return -softplus(-x); }},
      {Unary::tanh_shrink, {}, [](Real x) { return x - std::tanh(x); }},
      {Unary::soft_shrink,
       a(0.5),
       [](Real x) {
         return x > 0.5L ? x - 0.5L : x < -0.5L ? x + 0.5L : std::isnan(x) ? x : 0;
       },
       {-0.5L, 0.5L}},
      {Unary::hard_shrink, a(0.5), [](Real x) { return std::abs(x) <= 0.5L ? 0 : x; }, {-0.5L, 0.5L}},
      {Unary::threshold, {1.5, -2}, [](Real x) { return x <= 1.5L ? -2 : x; }, {1.5L}},
      {Unary::squareplus, a(4),
       [](Real x) {
         return x >= 0 ? (x + std::sqrt(x * x + 4)) / 2 : std::isinf(x) ? 0 : 2 / (std::sqrt(x * x + 4) - x);
       }},
      {Unary::floor, {}, [](Real x) { return std::floor(x); }},
      {Unary::ceil, {}, [](Real x) { return std::ceil(x); }},
      {Unary::round, {}, half_even},
  };
  for (Case& c : all) {
    // Differences that lose digits as the formula is written, in every library: a few units of what is subtracted.
    if (c.op == Unary::tanh_shrink) c.cancels = [](Real x) { return std::min(std::abs(x), Real(1)); };
    if (c.op == Unary::hard_sigmoid) c.cancels = [](Real x) { return std::abs(x) < 4 ? Real(1) : Real(0); };
    if (c.op == Unary::hard_silu) c.cancels = [](Real x) { return std::abs(x) < 4 ? Real(1) : Real(0); };
    if (c.op == Unary::soft_shrink) c.cancels = [](Real x) { return std::abs(x) < 1 ? Real(1) : Real(0); };
    // Far to the left the rounding of x² (x³) counts as often as the exponent is large.
    if (c.op == Unary::gelu_tanh) c.amplifies = [](Real x) { return 6 * std::abs(x + 0.044715L * x * x * x); };
    if (c.op == Unary::gelu && sizeof(T) == 8) c.amplifies = [](Real x) { return 2 * x * x; };
    if (c.op == Unary::gelu) c.ulps = 9;  // at most 8.2 between -6 and 6 without fused multiply-add, 7.4 with it
    // Zeros of sine and cosine: the argument reduction is good to an absolute 1e-7 (float).
    if (c.op == Unary::sin || c.op == Unary::cos) c.cancels = [](Real) { return Real(1); };
  }
  return all;
}

std::string name(const Case& c) {
  return std::string(kernels::name_of(c.op)) + "(" + std::to_string(c.args.a) + ", " + std::to_string(c.args.b) + ")";
}

std::vector<double> grid() {
  std::vector<double> x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(i * 0.005 + 0.00037);
  for (int e = -37; e <= 4; ++e) {
    for (double m : {1.0, 1.7, 3.3, 6.1, 9.9}) {
      x.push_back(m * std::pow(10.0, e));
      x.push_back(-m * std::pow(10.0, e));
    }
  }
  return x;
}

bool steps(Unary op) { return op == Unary::floor || op == Unary::ceil || op == Unary::round; }

template <class T>
void values() {
  const Real tiny = std::numeric_limits<T>::min();
  for (const Case& c : cases<T>()) {
    std::vector<T> x;
    for (double v : grid()) x.push_back(static_cast<T>(v));
    const T inf = std::numeric_limits<T>::infinity();
    for (T v : {T(0), T(-0.0), inf, -inf, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::max(),
                std::numeric_limits<T>::lowest(), std::numeric_limits<T>::min()}) {
      // Sine and cosine of numbers far beyond their digits are not asked for.
      if ((c.op == Unary::sin || c.op == Unary::cos) && std::isfinite(v) && std::abs(v) > T(1)) continue;
      x.push_back(v);
    }
    std::vector<T> y(x.size());
    kernels::unary<T>(c.op, c.args, static_cast<Index>(x.size()), x.data(), y.data());
    int wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto v = static_cast<Real>(x[i]);
      const auto reference = static_cast<Real>(static_cast<T>(c.f(v)));
      const Real exact = std::isinf(reference) ? reference : c.f(v);
      const Real ulps = c.ulps + (c.amplifies && std::isfinite(v) ? c.amplifies(v) : 0);
      // Exponentials below the normal range are 0, also where x multiplies them.
      Real tolerance = ulps * ulp<T>(exact) + 20 * tiny;
      if (c.cancels) tolerance += 4 * std::numeric_limits<T>::epsilon() * c.cancels(v);
      const bool domain = c.op == Unary::pow_scalar && std::isnan(v);  // NaN^0 = 1 as in C
      if (domain || near(static_cast<Real>(y[i]), exact, tolerance) || ++wrong > 3) continue;
      EXPECT_THAT(false, name(c), sizeof(T) == 4 ? " float" : " double", " of ", v, " is ", y[i], " instead of ", exact,
                  ", ", std::abs(y[i] - exact) / ulp<T>(exact), " ulp");
    }
    EXPECT_THAT(wrong == 0, name(c), ": ", wrong, " wrong values");
  }
}

/// Derivative of `op` at x, with dy = 1.
template <class T>
std::vector<T> derivative(const Case& c, const std::vector<T>& x) {
  const auto n = static_cast<Index>(x.size());
  std::vector<T> y(x.size());
  std::vector<T> one(x.size(), T(1));
  std::vector<T> dx(x.size());
  kernels::unary<T>(c.op, c.args, n, x.data(), y.data());
  const Saves saves = kernels::saves_of(c.op);
  // What the derivative does not read must not be touched.
  kernels::unary_backward<T>(c.op, c.args, n, saves == Saves::x ? x.data() : nullptr,
                             saves == Saves::y ? y.data() : nullptr, one.data(), dx.data(), false);
  return dx;
}

void derivatives() {
  for (const Case& c : cases<double>()) {
    std::vector<double> x;
    std::vector<float> narrow;
    std::vector<double> widened;
    for (double v : grid()) {
      if (v < static_cast<double>(c.low) || v > static_cast<double>(c.high)) continue;
      bool skip = steps(c.op);
      for (Real kink : c.kinks) skip = skip || std::abs(static_cast<Real>(v) - kink) < 1e-4L;
      if (skip) continue;
      x.push_back(v);
      narrow.push_back(static_cast<float>(v));
      widened.push_back(static_cast<double>(static_cast<float>(v)));
    }
    const std::vector<double> got = derivative(c, x);
    int wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto v = static_cast<Real>(x[i]);
      const Real h = 1e-4L * clamp(std::abs(v), 1e-3L, 1);
      const auto slope = [&](Real d) { return (c.f(v + d) - c.f(v - d)) / (2 * d); };
      // Richardson's extrapolation leaves an error of order h⁴, and the noise of long double over h.
      const Real reference = (4 * slope(h / 2) - slope(h)) / 3;
      const Real tolerance = 1e-9L * (1 + std::abs(reference) + std::abs(c.f(v)));
      if (near(got[i], reference, tolerance) || ++wrong > 3) continue;
      EXPECT_THAT(false, name(c), "' at ", x[i], " is ", got[i], " instead of ", static_cast<double>(reference));
    }
    EXPECT_THAT(wrong == 0, name(c), "': ", wrong, " wrong derivatives");
    expect_all_near(derivative(c, narrow), derivative(c, widened), 2e-5, 1e-6, name(c) + "' float against double");
  }
  for (Unary op : {Unary::floor, Unary::ceil, Unary::round}) {
    const std::vector<double> d = derivative<double>({op, {}, {}}, {-1.5, 0.0, 0.25, 2.0});
    EXPECT(d == std::vector<double>(4, 0.0));
  }
}

void kinks() {
  const auto at = [](Unary op, UnaryArgs args, double x) { return derivative<double>({op, args, {}}, {x})[0]; };
  EXPECT(at(Unary::relu, {}, 0) == 0);
  EXPECT(at(Unary::abs, {}, 0) == 0);
  EXPECT(at(Unary::relu6, {}, 0) == 0);
  EXPECT(at(Unary::relu6, {}, 6) == 0);
  EXPECT(at(Unary::clip, {-1, 2}, -1) == 1);
  EXPECT(at(Unary::clip, {-1, 2}, 2) == 1);
  EXPECT(at(Unary::clip, {-1, 2}, 2.0001) == 0);
  EXPECT(at(Unary::step, {}, 0) == 0);
  EXPECT(at(Unary::softsign, {}, 0) == 1);
  EXPECT(at(Unary::leaky_relu, {0.3, 0}, 0) == 0.3);
  EXPECT(at(Unary::elu, {0.7, 0}, 0) == 0.7);
  EXPECT(at(Unary::hard_tanh, {}, 1) == 0);
  EXPECT(at(Unary::pow_scalar, {2, 0}, 0) == 0);
  EXPECT(at(Unary::pow_scalar, {1, 0}, 0) == 1);
  EXPECT(at(Unary::pow_scalar, {0, 0}, 0) == 0);
  EXPECT(at(Unary::gelu, {}, std::numeric_limits<double>::infinity()) == 1);
  EXPECT(at(Unary::silu, {}, -std::numeric_limits<double>::infinity()) == 0);
}

template <class T>
void tails() {
  constexpr Index longest = 70;
  const std::vector<T> x = random_vector<T>(longest, 1, 0.05, 3);
  const std::vector<T> dy = random_vector<T>(longest, 2);
  const std::vector<T> old = random_vector<T>(longest, 3);
  for (const Case& c : cases<double>()) {
    std::vector<T> y(longest);
    kernels::unary<T>(c.op, c.args, longest, x.data(), y.data());
    std::vector<T> dx(longest);
    kernels::unary_backward<T>(c.op, c.args, longest, x.data(), y.data(), dy.data(), dx.data(), false);
    std::vector<T> sum = old;
    kernels::unary_backward<T>(c.op, c.args, longest, x.data(), y.data(), dy.data(), sum.data(), true);
    for (Index n = 0; n <= longest; ++n) {
      const Index start = longest - n;  // a tail at another place than in the long array
      const std::vector<T> part(x.begin() + start, x.end());
      const std::vector<T> part_dy(dy.begin() + start, dy.end());
      std::vector<T> got(part.size());
      kernels::unary<T>(c.op, c.args, n, part.data(), got.data());
      EXPECT_THAT(same_bits(got, std::vector<T>(y.begin() + start, y.end())), name(c), ": tail of ", n);
      std::vector<T> in_place = part_dy;
      kernels::unary_backward<T>(c.op, c.args, n, part.data(), got.data(), in_place.data(), in_place.data(), false);
      EXPECT_THAT(same_bits(in_place, std::vector<T>(dx.begin() + start, dx.end())), name(c), "': tail of ", n);
      std::vector<T> added(old.begin() + start, old.end());
      kernels::unary_backward<T>(c.op, c.args, n, part.data(), got.data(), part_dy.data(), added.data(), true);
      EXPECT_THAT(same_bits(added, std::vector<T>(sum.begin() + start, sum.end())), name(c), "' +=: tail of ", n);
    }
    // A tile of 5 × 13 in a matrix of leading dimension 14: the last column stays.
    std::vector<T> tile(x);
    kernels::unary_tile<T>(c.op)(c.args, 5, 13, tile.data(), 14);
    for (std::size_t i = 0; i < 70; ++i) {
      const T expected = i % 14 == 13 ? x[i] : y[i];
      EXPECT_THAT(std::memcmp(&tile[i], &expected, sizeof(T)) == 0, name(c), ": tile element ", i);
    }
  }
}

// unary_backward, and sums down the columns that do not depend on how many there are at once.
template <class T>
void sums_of_columns() {
  std::mt19937 generator(9);
  const auto pick = [&](Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(generator); };
  for (int i = 0; i < 150; ++i) {
    const Index cols = i % 3 == 0 ? pick(1, 9) : i % 3 == 1 ? pick(10, 70) : pick(200, 700);
    const Index rows = i % 10 == 0 ? pick(0, 1) : pick(2, cols < 10 ? 30000 : cols < 100 ? 3000 : 200);
    const Unary op = i % 2 == 0 ? Unary::relu : i % 4 == 1 ? Unary::gelu : Unary::negative;
    const Index n = rows * cols;
    const std::vector<T> x = random_vector<T>(n, 1);
    const std::vector<T> dy = random_vector<T>(n, 2);
    const std::vector<T> old = random_vector<T>(cols, 3);
    std::vector<T> dx(x.size());
    kernels::unary_backward<T>(op, {}, n, x.data(), x.data(), dy.data(), dx.data(), false);
    for (const bool accumulate : {false, true}) {
      std::vector<Real> expected(static_cast<std::size_t>(cols));
      std::vector<T> sums(old.size(), std::numeric_limits<T>::quiet_NaN());
      if (accumulate) {
        sums = old;
        std::copy(old.begin(), old.end(), expected.begin());
      }
      for (std::size_t k = 0; k < dx.size(); ++k) expected[k % expected.size()] += dx[k];
      std::vector<T> got = dy;  // in place
      kernels::unary_backward_sums<T>(op, {}, rows, cols, x.data(), x.data(), got.data(), got.data(), sums.data(),
                                      accumulate);
      EXPECT_THAT(same_bits(got, dx), kernels::name_of(op), "' of ", rows, "x", cols);
      // Roundings of the sums of about √rows numbers of size 1.
      const double tolerance = 4 * std::sqrt(static_cast<double>(rows + 1)) * std::numeric_limits<T>::epsilon();
      expect_all_near(sums, expected, tolerance, tolerance,
                      "sums of " + std::to_string(rows) + "x" + std::to_string(cols));
    }
    if (i % 10 != 3) continue;
    expect_same_for_all_threads("sums of columns", [&] {
      std::vector<T> sums = old;
      std::vector<T> to(x.size());
      kernels::unary_backward_sums<T>(op, {}, rows, cols, x.data(), x.data(), dy.data(), to.data(), sums.data(), true);
      return sums;
    });
  }
}

void threads() {
  const Index n = 100003;
  const std::vector<float> x = random_vector<float>(n, 4, 0.1, 4);
  for (Unary op : {Unary::relu, Unary::gelu, Unary::tanh, Unary::log1p, Unary::sigmoid}) {
    expect_same_for_all_threads(kernels::name_of(op), [&] {
      std::vector<float> y(x.size());
      kernels::unary<float>(op, {}, n, x.data(), y.data());
      kernels::unary_backward<float>(op, {}, n, x.data(), y.data(), x.data(), y.data(), true);
      return y;
    });
  }
}

void all_functions_have_a_case() {
  std::map<Unary, int> seen;
  for (const Case& c : cases<double>()) ++seen[c.op];
#define RANVIER_SEEN(name, saves) EXPECT_THAT(seen.count(Unary::name) == 1, #name " has no case");
  RANVIER_UNARY(RANVIER_SEEN)
#undef RANVIER_SEEN
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  all_functions_have_a_case();
  values<float>();
  values<double>();
  derivatives();
  kinks();
  tails<float>();
  tails<double>();
  sums_of_columns<float>();
  sums_of_columns<double>();
  threads();
  return result();
}
