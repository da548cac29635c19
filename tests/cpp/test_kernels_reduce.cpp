// Reductions over (outer, length, inner) against loops, for many shapes, NaN, ties and thread counts.
#include <algorithm>
#include <memory>

#include "kernels_support.h"
#include "ranvier/kernels/reduce.h"

namespace ranvier::testing {
namespace {

struct View {
  Index outer, length, inner;
  Index in() const { return outer * length * inner; }
  Index out() const { return outer * inner; }
  /// Flat index of element l of the row that is reduced to result c.
  std::size_t at(std::size_t c, Index l) const {
    const auto k = static_cast<Index>(c);
    return static_cast<std::size_t>((k / inner * length + l) * inner + k % inner);
  }
};

const View views[] = {{1, 1, 1},    {1, 0, 1},     {3, 0, 5},     {0, 4, 3},      {1, 7, 1},      {1, 15, 1},
                      {1, 17, 1},   {4, 8, 1},     {32, 10, 1},   {5, 70, 1},     {1, 5000, 1},   {2, 9001, 1},
                      {1, 4, 8},    {1, 32, 10},   {1, 33, 17},   {1, 3, 300},    {3, 9, 40},     {2, 17, 515},
                      {1, 9000, 3}, {1, 5000, 20}, {1, 200, 513}, {1, 100001, 1}, {1, 20000, 33}, {300, 3, 70}};

std::string text(const char* name, const View& v) {
  return std::string(name) + " (" + std::to_string(v.outer) + ", " + std::to_string(v.length) + ", " +
         std::to_string(v.inner) + ")";
}

template <class T>
void sums() {
  const double relative = std::is_same_v<T, float> ? 3e-7 : std::is_same_v<T, double> ? 1e-15 : 0;
  for (const View& v : views) {
    const std::vector<T> x = random_vector<T>(v.in(), 1, -9, 9);
    const std::vector<T> old = random_vector<T>(v.out(), 2, -9, 9);
    const T scale = std::is_floating_point_v<T> ? T(0.5) : T(3);
    std::vector<T> y(old.size());
    std::vector<T> added = old;
    kernels::reduce_sum<T>(v.outer, v.length, v.inner, x.data(), scale, y.data(), false);
    kernels::reduce_sum<T>(v.outer, v.length, v.inner, x.data(), scale, added.data(), true);
    double worst = 0;
    for (std::size_t c = 0; c < y.size(); ++c) {
      long double sum = 0;
      long double size = 0;
      for (Index l = 0; l < v.length; ++l) {
        sum += static_cast<long double>(x[v.at(c, l)]);
        size += std::abs(static_cast<long double>(x[v.at(c, l)]));
      }
      sum *= static_cast<long double>(scale);
      const auto allowed = static_cast<double>(relative * (size + 9));
      worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(y[c]) - sum)) - allowed);
      const long double total = sum + static_cast<long double>(old[c]);
      worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(added[c]) - total)) - allowed);
    }
    EXPECT_THAT(worst <= 0, text("sum", v), " is off by ", worst, " more than allowed");

    const std::vector<T> dy = random_vector<T>(v.out(), 3, -9, 9);
    const std::vector<T> before = random_vector<T>(v.in(), 4, -9, 9);
    std::vector<T> dx(x.size());
    std::vector<T> sum = before;
    kernels::reduce_sum_backward<T>(v.outer, v.length, v.inner, dy.data(), scale, dx.data(), false);
    kernels::reduce_sum_backward<T>(v.outer, v.length, v.inner, dy.data(), scale, sum.data(), true);
    std::vector<T> expected(x.size());
    std::vector<T> expected_sum = before;
    for (std::size_t c = 0; c < dy.size(); ++c) {
      for (Index l = 0; l < v.length; ++l) {
        expected[v.at(c, l)] = scale * dy[c];
        expected_sum[v.at(c, l)] += scale * dy[c];
      }
    }
    EXPECT_THAT(same_bits(dx, expected), text("sum backward", v));
    expect_all_near(sum, expected_sum, relative, relative, text("sum backward +=", v));
  }
}

template <class T>
void extrema() {
  for (const View& v : views) {
    if (v.length == 0) continue;
    // Few values, so that ties happen.
    std::vector<T> x = random_vector<T>(v.in(), 5, -6, 6);
    for (T& e : x) e = static_cast<T>(static_cast<int>(e));
    const auto n = static_cast<std::size_t>(v.out());
    std::vector<T> high(n), low(n), expected_high(n), expected_low(n);
    std::vector<std::int64_t> at_high(n), at_low(n), expected_at_high(n), expected_at_low(n);
    kernels::reduce_max<T>(v.outer, v.length, v.inner, x.data(), high.data());
    kernels::reduce_min<T>(v.outer, v.length, v.inner, x.data(), low.data());
    kernels::argmax<T>(v.outer, v.length, v.inner, x.data(), at_high.data());
    kernels::argmin<T>(v.outer, v.length, v.inner, x.data(), at_low.data());
    for (std::size_t c = 0; c < n; ++c) {
      for (Index l = 1; l < v.length; ++l) {
        if (x[v.at(c, l)] > x[v.at(c, expected_at_high[c])]) expected_at_high[c] = l;
        if (x[v.at(c, l)] < x[v.at(c, expected_at_low[c])]) expected_at_low[c] = l;
      }
      expected_high[c] = x[v.at(c, expected_at_high[c])];
      expected_low[c] = x[v.at(c, expected_at_low[c])];
    }
    EXPECT_THAT(high == expected_high, text("max", v));
    EXPECT_THAT(low == expected_low, text("min", v));
    EXPECT_THAT(at_high == expected_at_high, text("argmax", v));
    EXPECT_THAT(at_low == expected_at_low, text("argmin", v));
    if constexpr (std::is_floating_point_v<T>) {
      const std::vector<T> dy = random_vector<T>(v.out(), 6);
      std::vector<T> dx = x;
      kernels::reduce_extremum_backward<T>(v.outer, v.length, v.inner, x.data(), high.data(), dy.data(), dx.data(),
                                           true);
      std::vector<T> expected = x;
      for (std::size_t c = 0; c < n; ++c) {
        int ties = 0;
        for (Index l = 0; l < v.length; ++l) ties += x[v.at(c, l)] == high[c] ? 1 : 0;
        for (Index l = 0; l < v.length; ++l) {
          if (x[v.at(c, l)] == high[c]) expected[v.at(c, l)] += dy[c] / static_cast<T>(ties);
        }
      }
      expect_all_near(dx, expected, 1e-6, 0, text("max backward", v));
    }
  }
}

void nans() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (Index length : {1, 3, 8, 9, 20, 40}) {
    for (Index where = 0; where < length; ++where) {
      for (Index inner : {1, 3}) {
        std::vector<double> x = random_vector<double>(length * inner, 1);
        for (Index j = 0; j < inner; ++j) {
          x[static_cast<std::size_t>(where * inner + j)] = nan;
          x[static_cast<std::size_t>((length - 1) * inner + j)] = nan;
        }
        std::vector<double> y(static_cast<std::size_t>(inner));
        std::vector<std::int64_t> at(static_cast<std::size_t>(inner));
        kernels::reduce_max<double>(1, length, inner, x.data(), y.data());
        kernels::argmax<double>(1, length, inner, x.data(), at.data());
        EXPECT(std::isnan(y.back()) && at.back() == where && at.front() == where);
        kernels::reduce_min<double>(1, length, inner, x.data(), y.data());
        kernels::argmin<double>(1, length, inner, x.data(), at.data());
        EXPECT(std::isnan(y.back()) && at.back() == where && at.front() == where);
      }
    }
  }
  // All −inf: the largest is −inf, at the first place.
  const std::vector<float> x(20, -std::numeric_limits<float>::infinity());
  float y = 0;
  std::int64_t at = -1;
  kernels::reduce_max<float>(1, 20, 1, x.data(), &y);
  kernels::argmax<float>(1, 20, 1, x.data(), &at);
  EXPECT(y == x[0] && at == 0);
}

void products_and_bools() {
  for (const View& v : views) {
    const std::vector<double> x = random_vector<double>(v.in(), 7, 0.9, 1.1);
    const auto n = static_cast<std::size_t>(v.out());
    std::vector<double> y(n);
    std::vector<double> expected(n, 1);
    kernels::reduce_prod<double>(v.outer, v.length, v.inner, x.data(), y.data());
    const auto b = std::make_unique<bool[]>(x.size() + 1);
    for (std::size_t i = 0; i < x.size(); ++i) b[i] = i % 5 == 1;
    const auto any = std::make_unique<bool[]>(n + 1);
    const auto all = std::make_unique<bool[]>(n + 1);
    kernels::reduce_any(v.outer, v.length, v.inner, b.get(), any.get());
    kernels::reduce_all(v.outer, v.length, v.inner, b.get(), all.get());
    bool right = true;
    for (std::size_t c = 0; c < n; ++c) {
      bool some = false;
      bool every = true;
      for (Index l = 0; l < v.length; ++l) {
        expected[c] *= x[v.at(c, l)];
        some = some || b[v.at(c, l)];
        every = every && b[v.at(c, l)];
      }
      right = right && any[c] == some && all[c] == every;
    }
    EXPECT_THAT(right, text("any, all", v));
    expect_all_near(y, expected, 1e-11, 0, text("prod", v));
  }
}

void non_finite() {
  for (Index n : {0, 1, 17, 1024, 5000, 300000}) {
    std::vector<float> x = random_vector<float>(n, 1);
    EXPECT(kernels::first_non_finite<float>(n, x.data()) == -1);
    for (Index at : {n - 1, n / 2, Index{0}}) {
      if (at < 0 || n == 0) continue;
      x[static_cast<std::size_t>(at)] =
          at % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : -std::numeric_limits<float>::infinity();
      EXPECT(kernels::first_non_finite<float>(n, x.data()) == at);
    }
  }
  const std::vector<double> large(100, std::numeric_limits<double>::max());
  EXPECT(kernels::first_non_finite<double>(100, large.data()) == -1);
}

void accuracy() {
  // A million rows of 0.1, the worst case since all roundings of a lane go the same way: a plain float sum would be off
  // by percents, the tree is within 5e-6.
  const Index rows = 1000000;
  const std::vector<float> x(static_cast<std::size_t>(rows) * 3, 0.1F);
  std::vector<float> y(3);
  kernels::reduce_sum<float>(1, rows, 3, x.data(), 1, y.data(), false);
  EXPECT_NEAR(y[1], 100000.0015, 0.5);
  kernels::reduce_sum<float>(1, rows * 3, 1, x.data(), 1, y.data(), false);
  EXPECT_NEAR(y[0], 300000.0045, 1.5);
}

void threads() {
  for (const View& v :
       {View{1, 300001, 1}, View{1, 30000, 10}, View{1, 500, 600}, View{9, 5000, 3}, View{500, 300, 1}}) {
    const std::vector<float> x = random_vector<float>(v.in(), 1);
    expect_same_for_all_threads(text("sum", v), [&] {
      std::vector<float> y(static_cast<std::size_t>(v.out()));
      kernels::reduce_sum<float>(v.outer, v.length, v.inner, x.data(), 1, y.data(), false);
      return y;
    });
    expect_same_for_all_threads(text("sum backward", v), [&] {
      std::vector<float> y = x;
      kernels::reduce_sum_backward<float>(v.outer, v.length, v.inner, x.data(), 0.3F, y.data(), true);
      return y;
    });
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  sums<float>();
  sums<double>();
  sums<std::int32_t>();
  sums<std::int64_t>();
  extrema<float>();
  extrema<double>();
  extrema<std::int32_t>();
  extrema<std::int64_t>();
  nans();
  products_and_bools();
  non_finite();
  accuracy();
  threads();
  return result();
}
