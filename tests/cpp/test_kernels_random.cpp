// Philox against the known answers of its authors; distributions by their moments; the same draw in any cut.
#include <algorithm>
#include <array>
#include <memory>
#include <numeric>

#include "kernels_support.h"
#include "ranvier/kernels/philox.h"
#include "ranvier/kernels/random.h"

namespace ranvier::testing {
namespace {

using kernels::RandomKey;

/// The four words of one counter.
std::array<std::uint32_t, 4> words_of(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  std::array<std::uint32_t, 32> out{};
  kernels::philox(seed, stream, counter, out.data());
  return {out[0], out[1], out[16], out[17]};
}

void known_answers() {
  // kat_vectors of the authors' Random123 distribution, "philox4x32 10".
  using Words = std::array<std::uint32_t, 4>;
  EXPECT(words_of(0, 0, 0) == (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT(words_of(~0ULL, ~0ULL, ~0ULL) == (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT(words_of(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
         (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  // Neighbouring counters stand where the layout says.
  std::array<std::uint32_t, 32> out{};
  kernels::philox(7, 9, 100, out.data());
  for (std::uint64_t k = 0; k < 8; ++k) {
    const Words w = words_of(7, 9, 100 + k);
    EXPECT(out[2 * k] == w[0] && out[2 * k + 1] == w[1] && out[16 + 2 * k] == w[2] && out[17 + 2 * k] == w[3]);
  }
}

struct Moments {
  double mean = 0, variance = 0, fourth = 0;
};
template <class T>
Moments moments(const std::vector<T>& x) {
  Moments m;
  const auto n = static_cast<double>(x.size());
  for (const T v : x) m.mean += static_cast<double>(v) / n;
  for (const T v : x) {
    const double d = static_cast<double>(v) - m.mean;
    m.variance += d * d / n;
    m.fourth += d * d * d * d / n;
  }
  return m;
}

template <class T>
void distributions() {
  const Index n = 400000;
  const double noise = 5 / std::sqrt(static_cast<double>(n));  // five standard errors of a unit variance
  std::vector<T> x(static_cast<std::size_t>(n));
  kernels::random_uniform<T>({1, 2}, n, T(-1), T(3), x.data());
  Moments m = moments(x);
  EXPECT_NEAR(m.mean, 1, 1.2 * noise);
  EXPECT_NEAR(m.variance, 16.0 / 12, 1.5 * noise);
  EXPECT(*std::min_element(x.begin(), x.end()) >= T(-1) && *std::max_element(x.begin(), x.end()) < T(3));
  kernels::random_normal<T>({1, 3}, n, T(2), T(1), false, x.data());
  m = moments(x);
  EXPECT_NEAR(m.mean, 2, noise);
  EXPECT_NEAR(m.variance, 1, 1.5 * noise);
  EXPECT_NEAR(m.fourth, 3, 10 * noise);
  EXPECT(std::abs(*std::max_element(x.begin(), x.end()) - T(2)) > T(4));
  kernels::random_normal<T>({1, 4}, n, T(0), T(0.5), true, x.data());
  m = moments(x);
  EXPECT_NEAR(m.mean, 0, noise);
  // A standard normal cut at ±2 has variance 0.7737.
  EXPECT_NEAR(m.variance, 0.25 * 0.77374, noise);
  EXPECT(*std::max_element(x.begin(), x.end()) <= T(1) && *std::min_element(x.begin(), x.end()) >= T(-1));
  // Ten equal classes of a uniform draw: χ² with 9 degrees of freedom stays below 27.9 in 999 of 1000 cases.
  kernels::random_uniform<T>({5, 6}, n, T(0), T(1), x.data());
  std::array<double, 10> classes{};
  for (const T v : x) ++classes[static_cast<std::size_t>(v * T(10))];
  double chi = 0;
  for (const double c : classes) chi += (c - 40000) * (c - 40000) / 40000;
  EXPECT_THAT(chi < 27.9, "chi squared of the uniform draw is ", chi);
}

void strictly_below() {
  // Rounding alone would reach the bound: one unit in the last place lies between the two.
  std::vector<float> x(10000);
  kernels::random_uniform<float>({1, 1}, 10000, 1.0F, std::nextafter(1.0F, 2.0F), x.data());
  EXPECT(std::count(x.begin(), x.end(), 1.0F) == 10000);
  kernels::random_uniform<float>({1, 1}, 10000, 16777216.0F, 16777220.0F, x.data());
  EXPECT(*std::max_element(x.begin(), x.end()) < 16777220.0F);
}

template <class Draw>
void same_in_any_cut(const std::string& what, Draw draw) {
  const auto all = draw(100003);
  for (Index n : {0, 1, 5, 16, 31, 32, 33, 70, 20000}) {
    auto part = draw(n);
    EXPECT_THAT(same_bits(part, decltype(part)(all.begin(), all.begin() + n)), what, ": the first ", n,
                " depend on how many are drawn");
  }
  expect_same_for_all_threads(what, [&] { return draw(100003); });
}

void cuts_and_threads() {
  same_in_any_cut("uniform", [](Index n) {
    std::vector<float> x(static_cast<std::size_t>(n));
    kernels::random_uniform<float>({1, 2}, n, 0, 1, x.data());
    return x;
  });
  same_in_any_cut("uniform double", [](Index n) {
    std::vector<double> x(static_cast<std::size_t>(n));
    kernels::random_uniform<double>({1, 2}, n, 0, 1, x.data());
    return x;
  });
  same_in_any_cut("truncated normal", [](Index n) {
    std::vector<float> x(static_cast<std::size_t>(n));
    kernels::random_normal<float>({1, 2}, n, 0, 1, true, x.data());
    return x;
  });
  same_in_any_cut("integers", [](Index n) {
    std::vector<std::int64_t> x(static_cast<std::size_t>(n));
    kernels::random_integers({1, 2}, n, -3, 12, x.data());
    return x;
  });
  same_in_any_cut("dropout", [](Index n) {
    std::vector<float> x(static_cast<std::size_t>(n), 1);
    const auto keep = std::make_unique<bool[]>(x.size() + 1);
    kernels::dropout<float>({1, 2}, n, 0.3, x.data(), x.data(), keep.get());
    return x;
  });
}

void keys_differ() {
  const auto draw = [](RandomKey key) {
    std::vector<float> x(100);
    kernels::random_uniform<float>(key, 100, 0, 1, x.data());
    return x;
  };
  EXPECT(!same_bits(draw({1, 2}), draw({1, 3})));
  EXPECT(!same_bits(draw({1, 2}), draw({2, 2})));
  EXPECT(same_bits(draw({1, 2}), draw({1, 2})));
}

void integers_and_permutations() {
  std::vector<std::int64_t> x(100000);
  kernels::random_integers({3, 4}, 100000, -5, 5, x.data());
  for (std::int64_t v = -5; v < 5; ++v) {
    EXPECT_NEAR(std::count(x.begin(), x.end(), v), 10000, 500);
  }
  EXPECT(*std::min_element(x.begin(), x.end()) == -5 && *std::max_element(x.begin(), x.end()) == 4);
  kernels::random_integers({3, 4}, 1000, std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max(), x.data());
  EXPECT(*std::min_element(x.begin(), x.begin() + 1000) < 0 && *std::max_element(x.begin(), x.begin() + 1000) > 0);
  for (Index n : {0, 1, 2, 17, 1000}) {
    std::vector<std::int64_t> p(static_cast<std::size_t>(n));
    kernels::random_permutation({3, 4}, n, p.data());
    std::vector<std::int64_t> sorted = p;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::int64_t> expected(sorted.size());
    std::iota(expected.begin(), expected.end(), std::int64_t{0});
    EXPECT(sorted == expected);
    EXPECT(n < 17 || p != expected);
  }
  // Every order of three elements is as likely as any other.
  std::array<int, 27> seen{};
  for (std::uint64_t stream = 0; stream < 6000; ++stream) {
    std::array<std::int64_t, 3> p{};
    kernels::random_permutation({9, stream}, 3, p.data());
    ++seen[static_cast<std::size_t>(9 * p[0] + 3 * p[1] + p[2])];
  }
  for (int order : {5, 7, 11, 15, 19, 21}) EXPECT_NEAR(seen[static_cast<std::size_t>(order)], 1000, 150);
}

template <class T>
void dropouts() {
  const Index n = 100000;
  const std::vector<T> x = random_vector<T>(n, 1, 1, 2);
  std::vector<T> y(x.size());
  const auto keep = std::make_unique<bool[]>(x.size());
  for (double rate : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    kernels::dropout<T>({1, 2}, n, rate, x.data(), y.data(), keep.get());
    const auto scale = static_cast<T>(rate < 1 ? 1 / (1 - rate) : 0);
    Index kept = 0;
    bool right = true;
    for (std::size_t i = 0; i < x.size(); ++i) {
      kept += keep[i] ? 1 : 0;
      right = right && y[i] == (keep[i] ? x[i] * scale : T(0));
    }
    EXPECT_THAT(right, "dropout at rate ", rate);
    EXPECT_NEAR(static_cast<double>(kept) / static_cast<double>(n), 1 - rate, 0.008);
    std::vector<T> dx = x;
    kernels::dropout_backward<T>(n, scale, keep.get(), y.data(), dx.data(), true);
    std::vector<T> only(x.size());
    kernels::dropout_backward<T>(n, scale, keep.get(), y.data(), only.data(), false);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const T d = keep[i] ? y[i] * scale : T(0);
      right = right && only[i] == d && std::abs(dx[i] - (x[i] + d)) <= T(1e-5) * (1 + d);
    }
    EXPECT_THAT(right, "dropout backward at rate ", rate);
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  known_answers();
  distributions<float>();
  distributions<double>();
  strictly_below();
  cuts_and_threads();
  keys_differ();
  integers_and_permutations();
  dropouts<float>();
  dropouts<double>();
  return result();
}
