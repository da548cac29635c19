// The optimizers' loops against their formulas in long double, tails and thread counts included.
#include <algorithm>

#include "kernels_support.h"
#include "ranvier/kernels/update.h"

namespace ranvier::testing {
namespace {

using Real = long double;

template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;

template <class T>
struct State {
  std::vector<T> w, g, m, v, top, u;
  explicit State(Index n)
      : w(random_vector<T>(n, 1)),
        g(random_vector<T>(n, 2)),
        m(random_vector<T>(n, 3)),
        v(random_vector<T>(n, 4, 0, 3)),
        top(random_vector<T>(n, 5, 0, 3)),
        u(random_vector<T>(n, 6)) {
    if (n > 2) {  // a weight that never had a gradient
      g[1] = m[1] = v[1] = top[1] = 0;
    }
  }
};

template <class T>
void sgd() {
  for (Index n : {0, 1, 7, 16, 70, 20011}) {
    for (int kind = 0; kind < 3; ++kind) {
      State<T> s(n);
      const State<T> old = s;
      const kernels::SgdArgs args{0.1, kind == 0 ? 0.0 : 0.9, kind == 2};
      kernels::sgd<T>(args, n, s.w.data(), s.g.data(), kind == 0 ? nullptr : s.m.data());
      std::vector<Real> w(s.w.size());
      std::vector<Real> m(s.w.size());
      for (std::size_t i = 0; i < w.size(); ++i) {
        const Real step = 0.1L * old.g[i];
        m[i] = kind == 0 ? static_cast<Real>(old.m[i]) : 0.9L * old.m[i] - step;
        w[i] = old.w[i] + (kind == 0 ? -step : kind == 1 ? m[i] : 0.9L * m[i] - step);
      }
      expect_all_near(s.w, w, tolerance<T>, tolerance<T>, "sgd w");
      expect_all_near(s.m, m, tolerance<T>, tolerance<T>, "sgd v");
    }
  }
}

template <class T>
void adam() {
  for (Index n : {0, 1, 7, 16, 70, 20011}) {
    for (bool amsgrad : {false, true}) {
      State<T> s(n);
      const State<T> old = s;
      const kernels::AdamArgs args{0.01, 0.9, 0.999, 1e-7};
      kernels::adam<T>(args, n, s.w.data(), s.g.data(), s.m.data(), s.v.data(), amsgrad ? s.top.data() : nullptr);
      std::vector<Real> w(s.w.size()), m(w), v(w), top(w);
      for (std::size_t i = 0; i < w.size(); ++i) {
        const Real g = old.g[i];
        m[i] = old.m[i] + (g - old.m[i]) * 0.1L;
        v[i] = old.v[i] + (g * g - old.v[i]) * 0.001L;
        top[i] = amsgrad ? std::max(static_cast<Real>(old.top[i]), v[i]) : static_cast<Real>(old.top[i]);
        w[i] = old.w[i] - 0.01L * m[i] / (std::sqrt(amsgrad ? top[i] : v[i]) + 1e-7L);
      }
      expect_all_near(s.w, w, tolerance<T>, tolerance<T>, "adam w");
      expect_all_near(s.m, m, tolerance<T>, tolerance<T>, "adam m");
      expect_all_near(s.v, v, tolerance<T>, tolerance<T>, "adam v");
      expect_all_near(s.top, top, tolerance<T>, tolerance<T>, "adam vmax");
    }
  }
  // The first step of Adam has length lr for every gradient but the smallest: the root must hold over the whole range.
  for (double size : {1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e15}) {
    std::vector<T> w(20), g(20, static_cast<T>(size)), m(20), v(20);
    const double alpha = 0.001 * std::sqrt(1 - 0.999) / (1 - 0.9);
    kernels::adam<T>({alpha, 0.9, 0.999, 1e-7}, 20, w.data(), g.data(), m.data(), v.data(), nullptr);
    const double expected = alpha * 0.1 * size / (std::sqrt(0.001) * size + 1e-7);
    expect_all_near(w, std::vector<double>(20, -expected), 2 * tolerance<T>, 0, "first step of adam");
  }
}

template <class T>
void rmsprop() {
  for (Index n : {0, 1, 7, 70, 20011}) {
    for (int kind = 0; kind < 4; ++kind) {
      State<T> s(n);
      for (T& a : s.m) a *= T(0.01);  // a mean below the root of the mean square
      const State<T> old = s;
      const bool centered = kind % 2 == 1;
      const bool momentum = kind >= 2;
      kernels::rmsprop<T>({0.01, 0.9, momentum ? 0.5 : 0.0, 1e-3}, n, s.w.data(), s.g.data(), s.v.data(),
                          centered ? s.m.data() : nullptr, momentum ? s.u.data() : nullptr);
      std::vector<Real> w(s.w.size()), v(w), u(w);
      for (std::size_t i = 0; i < w.size(); ++i) {
        const Real g = old.g[i];
        v[i] = 0.9L * old.v[i] + 0.1L * g * g;
        const Real a = centered ? 0.9L * old.m[i] + 0.1L * g : 0;
        u[i] = (momentum ? 0.5L * old.u[i] : 0) + 0.01L * g / std::sqrt(v[i] - a * a + 1e-3L);
        w[i] = old.w[i] - u[i];
        if (!momentum) u[i] = old.u[i];
      }
      // The difference v − a² loses a digit.
      const double t = 20 * tolerance<T>;
      expect_all_near(s.w, w, t, t, "rmsprop w");
      expect_all_near(s.v, v, t, t, "rmsprop v");
      expect_all_near(s.u, u, t, t, "rmsprop u");
    }
  }
}

template <class T>
void small_ones() {
  for (Index n : {0, 1, 7, 33, 50000}) {
    const std::vector<T> x = random_vector<T>(n, 1);
    Real squares = 0;
    Real penalty = 0;
    std::vector<Real> decayed, scaled, clipped, gradient;
    for (const T e : x) {
      const Real v = e;
      squares += v * v;
      penalty += 0.3L * std::abs(v) + 0.2L * v * v;
      decayed.push_back(v - v * 0.01L);
      scaled.push_back(v * 1.5L);
      clipped.push_back(std::clamp(v, -0.7L, 0.7L));
      gradient.push_back(v + 2 * (0.3L * static_cast<Real>((v > 0) - (v < 0)) + 0.4L * v));
    }
    EXPECT_NEAR(kernels::sum_of_squares<T>(n, x.data()), squares, 1e-12 * static_cast<double>(squares));
    EXPECT_NEAR(kernels::l1l2_penalty<T>(n, 0.3, 0.2, x.data()), penalty, tolerance<T> * static_cast<double>(penalty));
    std::vector<T> y = x;
    kernels::decay<T>(n, 0.01, y.data());
    expect_all_near(y, decayed, tolerance<T>, 0, "decay");
    y = x;
    kernels::scale_inplace<T>(n, T(1.5), y.data());
    expect_all_near(y, scaled, tolerance<T>, 0, "scale_inplace");
    y = x;
    kernels::clip_inplace<T>(n, T(0.7), y.data());
    expect_all_near(y, clipped, tolerance<T>, 0, "clip_inplace");
    y = x;
    kernels::l1l2_gradient<T>(n, 0.3, 0.2, x.data(), T(2), y.data(), true);
    expect_all_near(y, gradient, tolerance<T>, tolerance<T>, "l1l2_gradient");
  }
}

void special_values() {
  std::vector<float> g{std::nanf(""), std::numeric_limits<float>::infinity(), 5};
  kernels::clip_inplace<float>(3, 1, g.data());
  EXPECT(std::isnan(g[0]) && g[1] == 1 && g[2] == 1);
  std::vector<float> w(1), m(1), v(1);
  const float nan = std::nanf("");
  kernels::adam<float>({0.1, 0.9, 0.999, 1e-7}, 1, w.data(), &nan, m.data(), v.data(), nullptr);
  EXPECT(std::isnan(w[0]) && std::isnan(m[0]) && std::isnan(v[0]));
}

void positions_and_threads() {
  // A weight moves the same way wherever it stands and however many stand beside it.
  const State<float> all(20011);
  const kernels::AdamArgs args{0.01, 0.9, 0.999, 1e-7};
  State<float> together = all;
  kernels::adam<float>(args, 20011, together.w.data(), together.g.data(), together.m.data(), together.v.data(),
                       nullptr);
  for (std::size_t start : {std::size_t{3}, std::size_t{9000}, std::size_t{20000}}) {
    for (Index n = 1; n <= 10; ++n) {
      State<float> part = all;
      kernels::adam<float>(args, n, part.w.data() + start, part.g.data() + start, part.m.data() + start,
                           part.v.data() + start, nullptr);
      EXPECT(std::memcmp(part.w.data() + start, together.w.data() + start, static_cast<std::size_t>(n) * 4) == 0);
      EXPECT(part.w[start - 1] == all.w[start - 1] &&
             part.w[start + static_cast<std::size_t>(n)] == all.w[start + static_cast<std::size_t>(n)]);
    }
  }
  expect_same_for_all_threads("adam", [&] {
    State<float> s(100003);
    kernels::adam<float>(args, 100003, s.w.data(), s.g.data(), s.m.data(), s.v.data(), s.top.data());
    s.w.push_back(static_cast<float>(kernels::sum_of_squares<float>(100003, s.w.data())));
    s.w.push_back(kernels::l1l2_penalty<float>(100003, 0.1, 0.2, s.w.data()));
    return s.w;
  });
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  sgd<float>();
  sgd<double>();
  adam<float>();
  adam<double>();
  rmsprop<float>();
  rmsprop<double>();
  small_ones<float>();
  small_ones<double>();
  special_values();
  positions_and_threads();
  return result();
}
