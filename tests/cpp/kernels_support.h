// What the kernel tests share: numbers to feed in, bitwise comparison, and running with several thread counts.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "check.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/shape.h"

namespace ranvier::testing {

template <class T>
std::vector<T> random_vector(Index n, unsigned seed, double low = -2, double high = 2) {
  std::mt19937 generator(seed);
  std::vector<T> v(static_cast<std::size_t>(n));
  for (T& x : v) {
    if constexpr (std::is_floating_point_v<T>) {
      x = static_cast<T>(std::uniform_real_distribution<double>(low, high)(generator));
    } else {
      x = static_cast<T>(std::uniform_int_distribution<int>(static_cast<int>(low), static_cast<int>(high))(generator));
    }
  }
  return v;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Distance of neighbouring numbers of T at `reference`.
template <class T>
long double ulp(long double reference) {
  const T m = std::abs(static_cast<T>(reference));
  if (!std::isfinite(m)) return 0;
  return static_cast<long double>(std::nextafter(m, std::numeric_limits<T>::infinity())) - static_cast<long double>(m);
}

/// |got − reference| <= tolerance, where equal infinities are near and NaN is near NaN.
inline bool near(long double got, long double reference, long double tolerance) {
  if (std::isnan(reference) || std::isnan(got)) return std::isnan(reference) && std::isnan(got);
  if (std::isinf(reference) || std::isinf(got)) return got == reference;
  return std::abs(got - reference) <= tolerance;
}

template <class... Parts>
void report_at(bool passed, const char* file, int line, const Parts&... parts) {
  if (passed) {
    report(true, file, line, "");
    return;
  }
  std::ostringstream text;
  text.precision(12);
  (text << ... << parts);
  report(false, file, line, text.str());
}
/// EXPECT_THAT(condition, what, value, …) prints the parts when the condition fails.
#define EXPECT_THAT(condition, ...) ::ranvier::testing::report_at((condition), __FILE__, __LINE__, __VA_ARGS__)

/// All elements near the reference: |difference| <= relative·|reference| + absolute.
template <class T, class R>
void expect_all_near(const std::vector<T>& got, const std::vector<R>& reference, double relative, double absolute,
                     const std::string& what) {
  EXPECT_THAT(got.size() == reference.size(), what, ": size ", got.size(), " instead of ", reference.size());
  for (std::size_t i = 0; i < std::min(got.size(), reference.size()); ++i) {
    const auto g = static_cast<long double>(got[i]);
    const auto r = static_cast<long double>(reference[i]);
    if (near(g, r, relative * std::abs(r) + absolute)) continue;
    EXPECT_THAT(false, what, ": element ", i, " is ", g, " instead of ", r);
    return;
  }
  report(true, __FILE__, __LINE__, "");
}

/// make() gives the same bits with 1, 2, 3 and 5 threads.
template <class Make>
void expect_same_for_all_threads(const std::string& what, Make make) {
  const int before = num_threads();
  set_num_threads(1);
  const auto one = make();
  for (int threads : {2, 3, 5}) {
    set_num_threads(threads);
    EXPECT_THAT(same_bits(make(), one), what, ": ", threads, " threads give other bits than one");
  }
  set_num_threads(before);
}

}  // namespace ranvier::testing
