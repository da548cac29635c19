// Softmax and the cross-entropies against long double, with huge logits, masks and ignored labels.
#include <algorithm>

#include "kernels_support.h"
#include "ranvier/kernels/softmax.h"

namespace ranvier::testing {
namespace {

using Real = long double;

constexpr Index widths[] = {1, 2, 3, 7, 8, 10, 15, 16, 17, 33, 100, 1000};

template <class T>
std::vector<Real> naive_softmax(Index rows, Index n, const std::vector<T>& x, std::vector<Real>* log_sum = nullptr) {
  std::vector<Real> y(x.size());
  for (Index r = 0; r < rows; ++r) {
    const auto begin = static_cast<std::size_t>(r * n);
    Real max = -std::numeric_limits<Real>::infinity();
    for (Index j = 0; j < n; ++j) max = std::max(max, static_cast<Real>(x[begin + static_cast<std::size_t>(j)]));
    Real sum = 0;
    for (Index j = 0; j < n; ++j) sum += std::exp(static_cast<Real>(x[begin + static_cast<std::size_t>(j)]) - max);
    for (std::size_t j = begin; j < begin + static_cast<std::size_t>(n); ++j) {
      y[j] = std::exp(static_cast<Real>(x[j]) - max) / sum;
    }
    if (log_sum != nullptr) log_sum->push_back(max + std::log(sum));
  }
  return y;
}

template <class T>
std::vector<T> logits(Index rows, Index n, double size) {
  std::vector<T> x = random_vector<T>(rows * n, static_cast<unsigned>(n), -size, size);
  return x;
}

template <class T>
void forward() {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 4e-15;
  for (Index n : widths) {
    for (Index rows : {1, 5, 16, 37}) {
      for (double size : {1.0, 30.0, 1e4}) {
        const std::vector<T> x = logits<T>(rows, n, size);
        std::vector<Real> log_sum;
        const std::vector<Real> expected = naive_softmax(rows, n, x, &log_sum);
        std::vector<T> y(x.size());
        kernels::softmax<T>(rows, n, x.data(), y.data());
        // A difference of large logits is rounded to their last place before the exponential sees it.
        const double relative = tolerance + size * 2 * static_cast<double>(std::numeric_limits<T>::epsilon());
        expect_all_near(y, expected, relative, 1e-37, "softmax");
        std::vector<T> in_place = x;
        kernels::softmax<T>(rows, n, in_place.data(), in_place.data());
        EXPECT(same_bits(in_place, y));

        std::vector<T> logs(x.size());
        kernels::log_softmax<T>(rows, n, x.data(), logs.data());
        std::vector<Real> expected_logs(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          expected_logs[i] = static_cast<Real>(x[i]) - log_sum[i / static_cast<std::size_t>(n)];
        }
        expect_all_near(logs, expected_logs, tolerance, relative, "log_softmax");

        std::vector<std::int32_t> label;
        std::vector<Real> expected_loss;
        for (Index r = 0; r < rows; ++r) {
          label.push_back(static_cast<std::int32_t>(r * 7 % n));
          expected_loss.push_back(-expected_logs[static_cast<std::size_t>(r * n + label.back())]);
        }
        std::vector<T> loss(label.size());
        std::vector<T> prob(x.size());
        kernels::sparse_cross_entropy<T, std::int32_t>(rows, n, x.data(), label.data(), false, 0, loss.data(),
                                                       prob.data());
        expect_all_near(loss, expected_loss, tolerance, relative, "sparse_cross_entropy");
        EXPECT(same_bits(prob, y));
        std::vector<T> again(label.size());
        kernels::sparse_cross_entropy<T, std::int32_t>(rows, n, x.data(), label.data(), false, 0, again.data(),
                                                       nullptr);
        EXPECT(same_bits(again, loss));

        const T smoothing = T(0.1);
        const std::vector<T> target = random_vector<T>(rows * n, 3, 0, 1);
        std::vector<Real> expected_cross(label.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const Real t = static_cast<Real>(target[i]) * (1 - static_cast<Real>(smoothing)) +
                         static_cast<Real>(smoothing) / static_cast<Real>(n);
          expected_cross[i / static_cast<std::size_t>(n)] -= t * expected_logs[i];
        }
        kernels::cross_entropy<T>(rows, n, x.data(), target.data(), smoothing, loss.data(), prob.data());
        expect_all_near(loss, expected_cross, 4 * tolerance, relative * static_cast<double>(n), "cross_entropy");
        EXPECT_THAT(n > 16 || same_bits(prob, y), "probabilities of cross_entropy");
        expect_all_near(prob, expected, relative, 1e-37, "probabilities of cross_entropy");
      }
    }
  }
}

/// dx of loss = Σ weight·f(x), by central differences.
template <class F>
std::vector<double> differences(const std::vector<double>& x, F f) {
  std::vector<double> d(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::vector<double> moved = x;
    const double h = 1e-5;
    moved[i] = x[i] + h;
    const double up = f(moved);
    moved[i] = x[i] - h;
    d[i] = (up - f(moved)) / (2 * h);
  }
  return d;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void backward() {
  for (Index n : {1, 2, 5, 8, 10, 19}) {
    const Index rows = 3;
    const auto size = static_cast<std::size_t>(rows * n);
    const std::vector<double> x = random_vector<double>(rows * n, 1, -1, 1);
    const std::vector<double> dy = random_vector<double>(rows * n, 2);
    const std::vector<double> target = random_vector<double>(rows * n, 3, 0, 1);
    const std::vector<double> g = random_vector<double>(rows, 4);
    const std::vector<std::int64_t> label{0, n - 1, n / 2};
    const auto both_ways = [&](const std::string& what, const std::vector<double>& expected, auto run) {
      std::vector<double> dx(size);
      run(dx.data(), false);
      expect_all_near(dx, expected, 1e-8, 1e-8, what);
      std::vector<double> sum = dy;
      run(sum.data(), true);
      std::vector<double> total(size);
      for (std::size_t i = 0; i < size; ++i) total[i] = dy[i] + dx[i];
      expect_all_near(sum, total, 1e-14, 1e-14, what + " +=");
    };
    using Fn = void (*)(Index, Index, const double*, double*);
    const auto weighted = [&](Fn f) {
      return [&, f](const std::vector<double>& at) {
        std::vector<double> y(size);
        f(rows, n, at.data(), y.data());
        return dot(y, dy);
      };
    };
    std::vector<double> y(size);
    kernels::softmax<double>(rows, n, x.data(), y.data());
    both_ways("softmax backward", differences(x, weighted(&kernels::softmax<double>)),
              [&](double* dx, bool add) { kernels::softmax_backward<double>(rows, n, y.data(), dy.data(), dx, add); });
    kernels::log_softmax<double>(rows, n, x.data(), y.data());
    both_ways(
        "log_softmax backward", differences(x, weighted(&kernels::log_softmax<double>)),
        [&](double* dx, bool add) { kernels::log_softmax_backward<double>(rows, n, y.data(), dy.data(), dx, add); });
    kernels::sparsemax<double>(rows, n, x.data(), y.data());
    both_ways("sparsemax backward", differences(x, weighted(&kernels::sparsemax<double>)), [&](double* dx, bool add) {
      kernels::sparsemax_backward<double>(rows, n, y.data(), dy.data(), dx, add);
    });

    std::vector<double> loss(3);
    std::vector<double> prob(size);
    kernels::sparse_cross_entropy<double, std::int64_t>(rows, n, x.data(), label.data(), true, n - 1, loss.data(),
                                                        prob.data());
    EXPECT(loss[1] == 0);
    both_ways("sparse_cross_entropy backward",
              differences(x,
                          [&](const std::vector<double>& at) {
                            std::vector<double> l(3);
                            kernels::sparse_cross_entropy<double, std::int64_t>(rows, n, at.data(), label.data(), true,
                                                                                n - 1, l.data(), nullptr);
                            return dot(l, g);
                          }),
              [&](double* dx, bool add) {
                kernels::sparse_cross_entropy_backward<double, std::int64_t>(rows, n, prob.data(), label.data(), true,
                                                                             n - 1, g.data(), dx, add);
              });
    both_ways("cross_entropy backward",
              differences(x,
                          [&](const std::vector<double>& at) {
                            std::vector<double> l(3);
                            kernels::cross_entropy<double>(rows, n, at.data(), target.data(), 0.2, l.data(), nullptr);
                            return dot(l, g);
                          }),
              [&](double* dx, bool add) {
                kernels::cross_entropy_backward<double>(rows, n, prob.data(), target.data(), 0.2, g.data(), dx, add);
              });
  }
}

void special_values() {
  const float inf = std::numeric_limits<float>::infinity();
  for (Index n : {3, 20}) {
    // A masked class has probability 0, and as a target of weight 0 it costs nothing.
    std::vector<float> x(static_cast<std::size_t>(n), 1.0F);
    x[1] = -inf;
    std::vector<float> y(x.size());
    std::vector<float> target(x.size());
    target[0] = 1;
    float loss = 0;
    kernels::cross_entropy<float>(1, n, x.data(), target.data(), 0, &loss, y.data());
    EXPECT(y[1] == 0);
    EXPECT_NEAR(y[0], 1.0 / static_cast<double>(n - 1), 1e-7);
    EXPECT_NEAR(loss, std::log(static_cast<double>(n - 1)), 1e-6);
    x[2] = std::nanf("");
    kernels::softmax<float>(1, n, x.data(), y.data());
    EXPECT(std::isnan(y[0]) && std::isnan(y[2]));
    const std::vector<std::int32_t> wrong{static_cast<std::int32_t>(n)};
    kernels::sparse_cross_entropy<float, std::int32_t>(1, n, target.data(), wrong.data(), false, 0, &loss, nullptr);
    EXPECT(std::isnan(loss));
  }
  const std::vector<double> x{1000, 999, -1000};
  const std::vector<std::int64_t> label{2};
  double loss = 0;
  kernels::sparse_cross_entropy<double, std::int64_t>(1, 3, x.data(), label.data(), false, 0, &loss, nullptr);
  EXPECT_NEAR(loss, 2000 + std::log1p(std::exp(-1.0)), 1e-10);
}

void sparsemax_by_sorting() {
  for (Index n : widths) {
    const Index rows = 9;
    const std::vector<double> x = random_vector<double>(rows * n, static_cast<unsigned>(n), -1, 1);
    std::vector<double> y(x.size());
    kernels::sparsemax<double>(rows, n, x.data(), y.data());
    std::vector<double> expected(x.size());
    for (Index r = 0; r < rows; ++r) {
      // Martins & Astudillo, Algorithm 1.
      std::vector<double> z(x.begin() + r * n, x.begin() + (r + 1) * n);
      std::sort(z.rbegin(), z.rend());
      double sum = 0;
      double tau = 0;
      for (std::size_t k = 0; k < z.size(); ++k) {
        sum += z[k];
        if (1 + static_cast<double>(k + 1) * z[k] > sum) tau = (sum - 1) / static_cast<double>(k + 1);
      }
      for (Index j = r * n; j < (r + 1) * n; ++j) {
        expected[static_cast<std::size_t>(j)] = std::max(x[static_cast<std::size_t>(j)] - tau, 0.0);
      }
    }
    expect_all_near(y, expected, 0, 1e-14, "sparsemax");
  }
}

void threads() {
  for (Index n : {10, 1000}) {
    const Index rows = 60000 / n * 3;
    const std::vector<float> x = random_vector<float>(rows * n, 1);
    std::vector<std::int32_t> label;
    for (Index r = 0; r < rows; ++r) label.push_back(static_cast<std::int32_t>(r % n));
    expect_same_for_all_threads("softmax and cross-entropy", [&] {
      std::vector<float> y(x.size());
      std::vector<float> loss(label.size());
      kernels::sparse_cross_entropy<float, std::int32_t>(rows, n, x.data(), label.data(), false, 0, loss.data(),
                                                         y.data());
      kernels::sparse_cross_entropy_backward<float, std::int32_t>(rows, n, y.data(), label.data(), false, 0,
                                                                  loss.data(), y.data(), true);
      y.insert(y.end(), loss.begin(), loss.end());
      return y;
    });
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  forward<float>();
  forward<double>();
  backward();
  special_values();
  sparsemax_by_sorting();
  threads();
  return result();
}
