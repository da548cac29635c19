// Batch and layer normalisation against plain loops in long double and central differences.
#include <algorithm>

#include "kernels_support.h"
#include "ranvier/kernels/norm.h"

namespace ranvier::testing {
namespace {

using Real = long double;

struct View {
  Index outer, channels, inner;
  Index size() const { return outer * channels * inner; }
  std::size_t channel(Index i) const { return static_cast<std::size_t>(i / inner % channels); }
};
const View views[] = {{1, 1, 1}, {4, 8, 1}, {32, 10, 1}, {7, 33, 1}, {5, 300, 1}, {1200, 3, 1},
                      {1, 3, 5}, {4, 2, 1}, {3, 5, 9},   {2, 3, 40}, {3, 2, 70},  {2, 600, 2}};

template <class T>
void moments() {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  for (const View& v : views) {
    for (double shift : {0.0, 1000.0}) {  // a mean far beyond the deviation must not cost its digits
      std::vector<T> x = random_vector<T>(v.size(), 1);
      for (T& e : x) e += static_cast<T>(shift);
      const auto n = static_cast<std::size_t>(v.channels);
      std::vector<T> mean(n), variance(n);
      std::vector<Real> m(n), s(n);
      const auto count = static_cast<Real>(v.outer * v.inner);
      kernels::channel_moments<T>(v.outer, v.channels, v.inner, x.data(), mean.data(), variance.data());
      for (Index i = 0; i < v.size(); ++i) m[v.channel(i)] += x[static_cast<std::size_t>(i)] / count;
      for (Index i = 0; i < v.size(); ++i) {
        s[v.channel(i)] += std::pow(x[static_cast<std::size_t>(i)] - m[v.channel(i)], 2) / count;
      }
      expect_all_near(mean, m, tolerance, tolerance, "mean");
      const double lost = shift * static_cast<double>(std::numeric_limits<T>::epsilon());  // in the mean's last place
      expect_all_near(variance, s, 2 * tolerance, tolerance + 10 * lost * lost, "variance");
    }
  }
}

// Rows whose level drifts far beyond the spread within a block, and a first row unlike all others.
void drifting_moments() {
  const View v{70000, 5, 1};
  std::vector<float> x = random_vector<float>(v.size(), 1);
  for (Index i = 0; i < v.size(); ++i) x[static_cast<std::size_t>(i)] += static_cast<float>(i / 5) * 0.01F;
  for (std::size_t i = 0; i < 5; ++i) x[i] = 1e6F;
  std::vector<float> mean(5), variance(5);
  kernels::channel_moments<float>(v.outer, v.channels, v.inner, x.data(), mean.data(), variance.data());
  std::vector<Real> m(5), s(5);
  for (std::size_t i = 0; i < x.size(); ++i) m[i % 5] += x[i] / Real{70000};
  for (std::size_t i = 0; i < x.size(); ++i) s[i % 5] += std::pow(x[i] - m[i % 5], 2) / Real{70000};
  expect_all_near(mean, m, 1e-6, 0, "mean of drifting rows");
  expect_all_near(variance, s, 1e-6, 0, "variance of drifting rows");
}

/// Σ weight·y of the whole normalisation, statistics included or given.
double channel_loss(const View& v, const std::vector<double>& x, const double* given_mean, const double* given_variance,
                    const std::vector<double>& gamma, const std::vector<double>& beta,
                    const std::vector<double>& weight, bool relu) {
  std::vector<double> mean(gamma.size()), variance(gamma.size()), y(x.size());
  if (given_mean == nullptr) {
    kernels::channel_moments<double>(v.outer, v.channels, v.inner, x.data(), mean.data(), variance.data());
  } else {
    std::copy_n(given_mean, mean.size(), mean.begin());
    std::copy_n(given_variance, variance.size(), variance.begin());
  }
  kernels::channel_normalize<double>(v.outer, v.channels, v.inner,
                                     {mean.data(), variance.data(), 1e-3, gamma.data(), beta.data(), relu}, x.data(),
                                     y.data());
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += weight[i] * y[i];
  return sum;
}

template <class F>
std::vector<double> differences(std::vector<double> x, F f) {
  std::vector<double> d(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double old = x[i];
    const double h = 1e-5;
    x[i] = old + h;
    const double up = f(x);
    x[i] = old - h;
    d[i] = (up - f(x)) / (2 * h);
    x[i] = old;
  }
  return d;
}

void channels() {
  for (const View& v : views) {
    if (v.size() > 700) continue;
    const auto n = static_cast<std::size_t>(v.channels);
    const std::vector<double> x = random_vector<double>(v.size(), 1);
    const std::vector<double> w = random_vector<double>(v.size(), 2);
    const std::vector<double> gamma = random_vector<double>(v.channels, 3);
    const std::vector<double> beta = random_vector<double>(v.channels, 4);
    std::vector<double> mean(n), variance(n);
    for (const auto& [batch, relu] : {std::pair{true, false}, {false, false}, {true, true}, {false, true}}) {
      if (batch) {
        kernels::channel_moments<double>(v.outer, v.channels, v.inner, x.data(), mean.data(), variance.data());
      } else {
        mean = random_vector<double>(v.channels, 5);
        variance = random_vector<double>(v.channels, 6, 0.5, 2);
      }
      const kernels::ChannelNorm<double> norm{mean.data(), variance.data(), 1e-3, gamma.data(), beta.data(), relu};
      const kernels::ChannelNorm<double> bare{mean.data(), variance.data(), 1e-3, nullptr, nullptr, relu};
      std::vector<double> y(x.size()), plain(x.size());
      kernels::channel_normalize<double>(v.outer, v.channels, v.inner, norm, x.data(), y.data());
      kernels::channel_normalize<double>(v.outer, v.channels, v.inner, bare, x.data(), plain.data());
      std::vector<Real> expected(x.size()), expected_plain(x.size());
      for (Index i = 0; i < v.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::size_t c = v.channel(i);
        const Real normal = (static_cast<Real>(x[at]) - mean[c]) / std::sqrt(static_cast<Real>(variance[c]) + 1e-3L);
        expected_plain[at] = relu ? std::max<Real>(normal, 0) : normal;
        expected[at] = normal * gamma[c] + beta[c];
        if (relu) expected[at] = std::max<Real>(expected[at], 0);
      }
      expect_all_near(y, expected, 1e-13, 1e-13, "channel_normalize");
      expect_all_near(plain, expected_plain, 1e-13, 1e-13, "channel_normalize without gamma and beta");

      const double* m = batch ? nullptr : mean.data();
      const double* s = batch ? nullptr : variance.data();
      const auto loss = [&, relu = relu](const auto& at, const auto& g, const auto& b) {
        return channel_loss(v, at, m, s, g, b, w, relu);
      };
      std::vector<double> dx(x.size()), dgamma = gamma, dbeta(n);
      kernels::channel_normalize_backward<double>(v.outer, v.channels, v.inner, norm, batch, x.data(), w.data(),
                                                  dx.data(), false, dgamma.data(), true, dbeta.data(), false);
      for (std::size_t c = 0; c < n; ++c) dgamma[c] -= gamma[c];
      // A slope of 1/√eps turns 1e-5 of x into 3e-4.
      const double t = v.outer * v.inner == 1 ? 1e-4 : 1e-6;
      expect_all_near(dx, differences(x, [&](const auto& at) { return loss(at, gamma, beta); }), t, t, "channel dx");
      expect_all_near(dgamma, differences(gamma, [&](const auto& at) { return loss(x, at, beta); }), 1e-7, 1e-7,
                      "dgamma");
      expect_all_near(dbeta, differences(beta, [&](const auto& at) { return loss(x, gamma, at); }), 1e-7, 1e-7,
                      "dbeta");
      // Each gradient alone, and added to what is there.
      std::vector<double> more = x;
      kernels::channel_normalize_backward<double>(v.outer, v.channels, v.inner, norm, batch, x.data(), w.data(),
                                                  more.data(), true, nullptr, false, nullptr, false);
      for (std::size_t i = 0; i < more.size(); ++i) dx[i] += x[i];
      expect_all_near(more, dx, 1e-13, 1e-13, "channel dx +=");
      std::vector<double> alone(n);
      kernels::channel_normalize_backward<double>(v.outer, v.channels, v.inner, norm, batch, x.data(), w.data(),
                                                  nullptr, false, nullptr, false, alone.data(), false);
      EXPECT(same_bits(alone, dbeta));
    }
  }
}

double layer_loss(Index rows, Index n, const std::vector<double>& x, const std::vector<double>& gamma,
                  const std::vector<double>& beta, const std::vector<double>& weight) {
  std::vector<double> y(x.size()), mean(static_cast<std::size_t>(rows)), rstd(mean);
  kernels::layer_normalize<double>(rows, n, x.data(), 1e-3, gamma.data(), beta.data(), y.data(), mean.data(),
                                   rstd.data());
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += weight[i] * y[i];
  return sum;
}

void layers() {
  for (const auto& [rows, n] : {std::pair<Index, Index>{1, 2}, {3, 5}, {4, 16}, {2, 37}, {9, 7}, {1, 100}}) {
    const std::vector<double> x = random_vector<double>(rows * n, 1);
    const std::vector<double> w = random_vector<double>(rows * n, 2);
    const std::vector<double> gamma = random_vector<double>(n, 3);
    const std::vector<double> beta = random_vector<double>(n, 4);
    std::vector<double> y(x.size()), mean(static_cast<std::size_t>(rows)), rstd(mean);
    kernels::layer_normalize<double>(rows, n, x.data(), 1e-3, gamma.data(), beta.data(), y.data(), mean.data(),
                                     rstd.data());
    std::vector<Real> expected(x.size());
    for (Index r = 0; r < rows; ++r) {
      Real m = 0;
      Real s = 0;
      for (Index j = 0; j < n; ++j) m += x[static_cast<std::size_t>(r * n + j)] / static_cast<Real>(n);
      for (Index j = 0; j < n; ++j) s += std::pow(x[static_cast<std::size_t>(r * n + j)] - m, 2) / static_cast<Real>(n);
      for (Index j = 0; j < n; ++j) {
        const auto at = static_cast<std::size_t>(r * n + j);
        const auto c = static_cast<std::size_t>(j);
        expected[at] = (x[at] - m) / std::sqrt(s + 1e-3L) * gamma[c] + beta[c];
      }
      EXPECT_NEAR(mean[static_cast<std::size_t>(r)], m, 1e-14);
      EXPECT_NEAR(rstd[static_cast<std::size_t>(r)], 1 / std::sqrt(s + 1e-3L), 1e-12);
    }
    expect_all_near(y, expected, 1e-12, 1e-12, "layer_normalize");
    std::vector<double> dx(x.size()), dgamma(gamma.size()), dbeta = beta;
    kernels::layer_normalize_backward<double>(rows, n, x.data(), mean.data(), rstd.data(), gamma.data(), w.data(),
                                              dx.data(), false, dgamma.data(), false, dbeta.data(), true);
    for (std::size_t j = 0; j < beta.size(); ++j) dbeta[j] -= beta[j];
    expect_all_near(
        dx, differences(x, [&, rows = rows, n = n](const auto& at) { return layer_loss(rows, n, at, gamma, beta, w); }),
        1e-6, 1e-6, "layer dx");
    expect_all_near(
        dgamma,
        differences(gamma, [&, rows = rows, n = n](const auto& at) { return layer_loss(rows, n, x, at, beta, w); }),
        1e-7, 1e-7, "layer dgamma");
    expect_all_near(
        dbeta,
        differences(beta, [&, rows = rows, n = n](const auto& at) { return layer_loss(rows, n, x, gamma, at, w); }),
        1e-7, 1e-7, "layer dbeta");
    std::vector<double> sum = x;
    kernels::layer_normalize_backward<double>(rows, n, x.data(), mean.data(), rstd.data(), gamma.data(), w.data(),
                                              sum.data(), true, nullptr, false, nullptr, false);
    for (std::size_t i = 0; i < sum.size(); ++i) dx[i] += x[i];
    expect_all_near(sum, dx, 1e-13, 1e-13, "layer dx +=");
  }
}

void threads() {
  for (const View& v : {View{3001, 40, 1}, View{200, 700, 1}, View{16, 9, 700}}) {
    const std::vector<float> x = random_vector<float>(v.size(), 1);
    const auto n = static_cast<std::size_t>(v.channels);
    expect_same_for_all_threads("batch normalisation", [&] {
      std::vector<float> mean(n), variance(n), y(x.size()), dx(x.size()), dgamma(n), dbeta(n);
      kernels::channel_moments<float>(v.outer, v.channels, v.inner, x.data(), mean.data(), variance.data());
      const kernels::ChannelNorm<float> norm{mean.data(), variance.data(), 1e-3F, nullptr, nullptr, v.inner == 1};
      kernels::channel_normalize<float>(v.outer, v.channels, v.inner, norm, x.data(), y.data());
      kernels::channel_normalize_backward<float>(v.outer, v.channels, v.inner, norm, true, x.data(), y.data(),
                                                 dx.data(), false, dgamma.data(), false, dbeta.data(), false);
      for (const auto* part : {&y, &dgamma, &dbeta, &variance}) dx.insert(dx.end(), part->begin(), part->end());
      return dx;
    });
  }
  const std::vector<float> x = random_vector<float>(500 * 300, 1);
  expect_same_for_all_threads("layer normalisation", [&] {
    std::vector<float> mean(500), rstd(500), y(x.size()), dx(x.size()), dgamma(300), dbeta(300);
    kernels::layer_normalize<float>(500, 300, x.data(), 1e-3F, nullptr, nullptr, y.data(), mean.data(), rstd.data());
    kernels::layer_normalize_backward<float>(500, 300, x.data(), mean.data(), rstd.data(), nullptr, y.data(), dx.data(),
                                             false, dgamma.data(), false, dbeta.data(), false);
    for (const auto* part : {&y, &dgamma, &dbeta}) dx.insert(dx.end(), part->begin(), part->end());
    return dx;
  });
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  moments<float>();
  moments<double>();
  drifting_moments();
  channels();
  layers();
  threads();
  return result();
}
