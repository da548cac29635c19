// Every pointwise loss against Keras's formula in long double, its gradient against differences, NaN and clipping.
#include <algorithm>
#include <functional>

#include "kernels_support.h"
#include "ranvier/kernels/pointwise_loss.h"

namespace ranvier::testing {
namespace {

using kernels::LossArgs;
using kernels::PointwiseLoss;
using Real = long double;

struct Case {
  PointwiseLoss kind;
  LossArgs args;
  std::function<Real(Real, Real)> f;
  double low, high;  // of predictions
  double t_low, t_high;
  std::function<Real(Real, Real)> kink{};  // where this is 0 there is no derivative
};

Real softplus(Real x) { return std::max(x, Real(0)) + std::log1p(std::exp(-std::abs(x))); }
Real side(Real t) { return t == 0 ? -1 : t; }

std::vector<Case> cases() {
  const Real eps = 1e-3L;  // large, so that clipping happens
  return {
      {PointwiseLoss::squared_error, {}, [](Real p, Real t) { return (p - t) * (p - t); }, -3, 3, -3, 3},
      {PointwiseLoss::absolute_error,
       {},
       [](Real p, Real t) { return std::abs(p - t); },
       -3,
       3,
       -3,
       3,
       [](Real p, Real t) { return p - t; }},
      {PointwiseLoss::huber,
       {1.5, 0},
       [](Real p, Real t) {
         const Real e = std::abs(p - t);
         return e <= 1.5L ? e * e / 2 : 1.5L * e - 1.5L * 1.5L / 2;
       },
       -3,
       3,
       -3,
       3},
      {PointwiseLoss::log_cosh,
       {},
       [](Real p, Real t) { return softplus(-2 * (p - t)) + (p - t) - std::log(2.0L); },
       -30,
       30,
       -3,
       3},
      {PointwiseLoss::binary_cross_entropy,
       {0.1, 1e-3},
       [eps](Real p, Real t) {
         const Real q = std::clamp(p, eps, 1 - eps);
         const Real s = t * 0.9L + 0.05L;
         return -s * std::log(q) - (1 - s) * std::log(1 - q);
       },
       -0.1,
       1.1,
       0,
       1,
       [eps](Real p, Real) { return std::abs(p - 0.5L) - (0.5L - eps); }},
      {PointwiseLoss::binary_cross_entropy_logits,
       {0.1, 0},
       [](Real x, Real t) { return softplus(x) - x * (t * 0.9L + 0.05L); },
       -40,
       40,
       0,
       1},
      {PointwiseLoss::hinge,
       {},
       [](Real p, Real t) { return std::max(1 - side(t) * p, Real(0)); },
       -3,
       3,
       -1,
       1,
       [](Real p, Real t) { return 1 - side(t) * p; }},
      {PointwiseLoss::squared_hinge,
       {},
       [](Real p, Real t) { return std::pow(std::max(1 - side(t) * p, Real(0)), 2); },
       -3,
       3,
       -1,
       1,
       [](Real p, Real t) { return 1 - side(t) * p; }},
      {PointwiseLoss::poisson, {1e-3, 0}, [eps](Real p, Real t) { return p - t * std::log(p + eps); }, 0.1, 5, 0, 5},
      {PointwiseLoss::squared_logarithmic_error,
       {1e-3, 0},
       [eps](Real p, Real t) { return std::pow(std::log1p(std::max(p, eps)) - std::log1p(std::max(t, eps)), 2); },
       -0.5,
       4,
       0,
       4,
       [eps](Real p, Real) { return p - eps; }},
      {PointwiseLoss::absolute_percentage_error,
       {1e-3, 0},
       [eps](Real p, Real t) { return 100 * std::abs(p - t) / std::max(std::abs(t), eps); },
       -3,
       3,
       -3,
       3,
       [](Real p, Real t) { return p - t; }},
      {PointwiseLoss::kl_divergence,
       {1e-3, 0},
       [eps](Real p, Real t) {
         const Real u = std::clamp(t, eps, Real(1));
         return u * std::log(u / std::clamp(p, eps, Real(1)));
       },
       -0.1,
       1.1,
       0,
       1,
       [eps](Real p, Real) { return (p - eps) * (p - 1); }},
  };
}

template <class T>
void values_and_gradients() {
  const double relative = sizeof(T) == 4 ? 4e-6 : 1e-13;
  for (const Case& c : cases()) {
    for (const auto& [rows, n] : {std::pair<Index, Index>{1, 1}, {40, 1}, {5, 3}, {3, 16}, {4, 37}, {0, 3}}) {
      std::vector<T> p = random_vector<T>(rows * n, 1, c.low, c.high);
      std::vector<T> t = random_vector<T>(rows * n, 2, c.t_low, c.t_high);
      const bool hinge = c.kind == PointwiseLoss::hinge || c.kind == PointwiseLoss::squared_hinge;
      for (std::size_t i = 0; hinge && i < t.size(); ++i) t[i] = static_cast<T>(static_cast<int>(i % 3) - 1);
      const std::vector<T> g = random_vector<T>(rows, 3);
      const T scale = T(1) / static_cast<T>(n);
      std::vector<T> loss(g.size());
      std::vector<Real> expected(g.size());
      std::vector<Real> size(g.size());
      kernels::pointwise_loss<T>(c.kind, c.args, rows, n, p.data(), t.data(), scale, loss.data());
      for (std::size_t i = 0; i < p.size(); ++i) {
        expected[i / static_cast<std::size_t>(n)] += c.f(p[i], t[i]) / static_cast<Real>(n);
      }
      expect_all_near(loss, expected, relative, relative, kernels::name_of(c.kind));

      std::vector<T> dp(p.size());
      kernels::pointwise_loss_backward<T>(c.kind, c.args, rows, n, p.data(), t.data(), scale, g.data(), dp.data(),
                                          false);
      std::vector<T> sum = p;
      kernels::pointwise_loss_backward<T>(c.kind, c.args, rows, n, p.data(), t.data(), scale, g.data(), sum.data(),
                                          true);
      for (std::size_t i = 0; i < p.size(); ++i) {
        const auto x = static_cast<Real>(p[i]);
        const auto y = static_cast<Real>(t[i]);
        EXPECT_THAT(
            near(sum[i], static_cast<Real>(p[i]) + static_cast<Real>(dp[i]), 4 * relative * (1 + std::abs(dp[i]))),
            kernels::name_of(c.kind), " gradient +=");
        if (c.kink && std::abs(c.kink(x, y)) < 1e-4L) continue;
        const Real h = 1e-6L;
        const Real slope = (c.f(x + h, y) - c.f(x - h, y)) / (2 * h) *
                           static_cast<Real>(g[i / static_cast<std::size_t>(n)]) / static_cast<Real>(n);
        // Near the bounds of a probability the third derivative shows in the difference.
        const Real tolerance = (10 * relative + 1e-5L * (c.kind == PointwiseLoss::binary_cross_entropy ||
                                                         c.kind == PointwiseLoss::kl_divergence)) *
                                   (1 + std::abs(slope)) +
                               1e-9L;
        EXPECT_THAT(near(dp[i], slope, tolerance), kernels::name_of(c.kind), "' at ", x, ", ", y, " is ", dp[i],
                    " instead of ", slope);
      }
    }
  }
}

void special_values() {
  const float nan = std::nanf("");
  for (const Case& c : cases()) {
    for (Index n : {1, 2, 20}) {
      std::vector<float> p(static_cast<std::size_t>(n), 0.5F);
      std::vector<float> t(p.size(), 0.25F);
      for (bool in_target : {false, true}) {
        std::vector<float> bad_p = p;
        std::vector<float> bad_t = t;
        (in_target ? bad_t : bad_p).back() = nan;
        std::vector<float> loss(1);
        kernels::pointwise_loss<float>(c.kind, c.args, 1, n, bad_p.data(), bad_t.data(), 1, loss.data());
        EXPECT_THAT(std::isnan(loss[0]), kernels::name_of(c.kind), " hides a NaN");
        const float g = 1;
        kernels::pointwise_loss_backward<float>(c.kind, c.args, 1, n, bad_p.data(), bad_t.data(), 1, &g, p.data(),
                                                false);
        EXPECT_THAT(in_target || std::isnan(p.back()), kernels::name_of(c.kind), "' hides a NaN");
        std::fill(p.begin(), p.end(), 0.5F);
      }
    }
  }
  // Perfect and hopeless probabilities stay finite; outside the bounds there is no slope.
  const std::vector<float> p{0, 1, 0, 1};
  const std::vector<float> t{0, 1, 1, 0};
  const std::vector<float> g(4, 1);
  std::vector<float> loss(4);
  std::vector<float> dp(4, 9);
  kernels::pointwise_loss<float>(PointwiseLoss::binary_cross_entropy, {0, 1e-7}, 4, 1, p.data(), t.data(), 1,
                                 loss.data());
  kernels::pointwise_loss_backward<float>(PointwiseLoss::binary_cross_entropy, {0, 1e-7}, 4, 1, p.data(), t.data(), 1,
                                          g.data(), dp.data(), false);
  EXPECT_NEAR(loss[0], 0, 1e-6);
  EXPECT_NEAR(loss[2], 16.118, 1e-2);
  EXPECT(std::isfinite(loss[3]) && dp == std::vector<float>(4));
}

void threads() {
  for (const auto& [rows, n] : {std::pair<Index, Index>{100003, 1}, {9001, 10}, {3, 60001}}) {
    const std::vector<float> p = random_vector<float>(rows * n, 1, 0.1, 0.9);
    const std::vector<float> t = random_vector<float>(rows * n, 2, 0, 1);
    expect_same_for_all_threads("binary_cross_entropy", [&, rows = rows, n = n] {
      std::vector<float> loss(static_cast<std::size_t>(rows));
      std::vector<float> dp = p;
      kernels::pointwise_loss<float>(PointwiseLoss::binary_cross_entropy, {0, 1e-7}, rows, n, p.data(), t.data(), 1,
                                     loss.data());
      kernels::pointwise_loss_backward<float>(PointwiseLoss::binary_cross_entropy, {0, 1e-7}, rows, n, p.data(),
                                              t.data(), 1, loss.data(), dp.data(), true);
      loss.insert(loss.end(), dp.begin(), dp.end());
      return loss;
    });
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  values_and_gradients<float>();
  values_and_gradients<double>();
  special_values();
  threads();
  return result();
}
