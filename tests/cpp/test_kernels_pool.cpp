// Pooling and resampling of random shapes against plain loops in long double; the same bits on any number of threads.
#include <algorithm>

#include "kernels_support.h"
#include "ranvier/kernels/pool.h"
#include "ranvier/kernels/resize.h"

namespace ranvier::testing {
namespace {

using kernels::PoolAxis;
using kernels::PoolGeometry;
using Real = long double;

/// Numbers in [low, high], the same on every machine.
class Dice {
 public:
  explicit Dice(unsigned seed) : generator_(seed) {}
  Index operator()(Index low, Index high) {
    return low + static_cast<Index>(generator_() % static_cast<unsigned>(high - low + 1));
  }

 private:
  std::mt19937 generator_;
};

PoolAxis random_axis(Dice& dice) {
  PoolAxis a;
  a.in = dice(1, 9);
  const Index kind = dice(0, 3);
  if (kind == 0) {
    a.adaptive = true;
    a.out = dice(1, 11);
    a.window = (a.in + a.out - 1) / a.out + 1;
    return a;
  }
  a.stride = dice(1, 4);
  if (kind == 1) {  // same
    a.window = dice(1, 12);
    a.out = (a.in + a.stride - 1) / a.stride;
    a.before = std::max<Index>((a.out - 1) * a.stride + a.window - a.in, 0) / 2;
  } else {
    a.window = dice(1, a.in);
    if (kind == 2) a.stride = a.window;
    a.out = (a.in - a.window) / a.stride + 1;
  }
  return a;
}

struct Sizes {
  Index in, out;
};
Sizes sizes(const PoolGeometry& g) {
  const auto& a = g.axes;
  return {g.batch * a[0].in * a[1].in * a[2].in * g.channels, g.batch * a[0].out * a[1].out * a[2].out * g.channels};
}

/// visit(index in x, index in y, place in the window) for every element of every window, in row-major order.
template <class F>
void each(const PoolGeometry& g, F visit) {
  const auto& [a, b, c] = g.axes;
  for (Index n = 0; n < g.batch; ++n) {
    for (Index i = 0; i < a.out; ++i) {
      for (Index j = 0; j < b.out; ++j) {
        for (Index k = 0; k < c.out; ++k) {
          const Index y = ((n * a.out + i) * b.out + j) * c.out + k;
          for (Index d = a.start(i); d < a.end(i); ++d) {
            for (Index h = b.start(j); h < b.end(j); ++h) {
              for (Index w = c.start(k); w < c.end(k); ++w) {
                if (d < 0 || h < 0 || w < 0) continue;
                const Index x = ((n * a.in + d) * b.in + h) * c.in + w;
                const Index place = ((d - a.start(i)) * b.window + h - b.start(j)) * c.window + w - c.start(k);
                for (Index channel = 0; channel < g.channels; ++channel) {
                  visit(static_cast<std::size_t>(x * g.channels + channel),
                        static_cast<std::size_t>(y * g.channels + channel), place);
                }
              }
            }
          }
        }
      }
    }
  }
}

template <class T, class W>
void one_pooling(const PoolGeometry& g, unsigned seed) {
  const auto [in, out] = sizes(g);
  std::vector<T> x = random_vector<T>(in, seed);
  for (T& v : x) v = std::round(v * 4) / 4;  // equal ones: the first must win
  if (seed % 5 == 0) x[seed % x.size()] = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> dy = random_vector<T>(out, seed + 1);
  const auto n = static_cast<std::size_t>(out);
  std::vector<Real> largest(n, -std::numeric_limits<Real>::infinity()), sum(n), count(n);
  std::vector<Index> place(n, -1);
  std::vector<std::size_t> from(n);
  each(g, [&](std::size_t i, std::size_t o, Index at) {
    sum[o] += x[i];
    count[o] += 1;
    if (place[o] >= 0 && (std::isnan(largest[o]) || !(x[i] > largest[o] || std::isnan(x[i])))) return;
    largest[o] = x[i];
    place[o] = at;
    from[o] = i;
  });
  std::vector<T> y(n), plain(n);
  std::vector<W> winner(n);
  kernels::max_pool<T, W>(g, x.data(), y.data(), winner.data());
  kernels::max_pool<T, W>(g, x.data(), plain.data(), nullptr);
  expect_all_near(y, largest, 0, 0, "max_pool");
  EXPECT(same_bits(y, plain));
  EXPECT(
      std::equal(winner.begin(), winner.end(), place.begin(), [](W a, Index b) { return static_cast<Index>(a) == b; }));
  std::vector<Real> dx(x.size());
  for (std::size_t o = 0; o < n; ++o) dx[from[o]] += dy[o];
  const double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-14;
  std::vector<T> got(x.size(), T(7));
  kernels::max_pool_backward<T, W>(g, winner.data(), dy.data(), got.data(), false);
  expect_all_near(got, dx, tolerance, tolerance, "max_pool_backward");
  kernels::max_pool_backward<T, W>(g, winner.data(), dy.data(), got.data(), true);
  for (Real& v : dx) v *= 2;
  expect_all_near(got, dx, 2 * tolerance, 2 * tolerance, "max_pool_backward +=");

  for (const bool mean : {false, true}) {
    std::vector<Real> expected = sum;
    std::vector<Real> share(n, 1);
    for (std::size_t o = 0; mean && o < n; ++o) share[o] = 1 / count[o];
    for (std::size_t o = 0; o < n; ++o) expected[o] *= share[o];
    kernels::sum_pool<T>(g, mean, x.data(), y.data(), false);
    expect_all_near(y, expected, 20 * tolerance, 20 * tolerance, "sum_pool");
    std::vector<Real> back(x.size());
    each(g, [&](std::size_t i, std::size_t o, Index) { back[i] += dy[o] * share[o]; });
    kernels::sum_pool_backward<T>(g, mean, dy.data(), got.data(), false);
    expect_all_near(got, back, 20 * tolerance, 20 * tolerance, "sum_pool_backward");
    kernels::sum_pool_backward<T>(g, mean, dy.data(), got.data(), true);
    for (Real& v : back) v *= 2;
    expect_all_near(got, back, 40 * tolerance, 40 * tolerance, "sum_pool_backward +=");
  }
}

void poolings() {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Dice dice(seed);
    PoolGeometry g;
    g.batch = dice(1, 3);
    g.channels = seed % 3 == 0 ? dice(1, 40) : dice(1, 5);
    for (std::size_t i = static_cast<std::size_t>(dice(0, 2)); i < 3; ++i) g.axes[i] = random_axis(dice);
    if (seed % 7 == 0) {  // the windows that are compiled for themselves
      for (std::size_t i = 1; i < 3; ++i) {
        g.axes[i] = {dice(3, 9), 0, seed % 2 == 0 ? 2 : 3, dice(1, 3)};
        g.axes[i].out = (g.axes[i].in - g.axes[i].window) / g.axes[i].stride + 1;
      }
    }
    if (g.taps() > 256) {
      one_pooling<float, std::uint32_t>(g, seed);
      continue;
    }
    one_pooling<float, std::uint8_t>(g, seed);
    one_pooling<double, std::uint8_t>(g, seed);
    one_pooling<double, std::uint32_t>(g, seed);
  }
}

template <class T>
void one_resize(const kernels::ResizeAxis& axis, Index outer, Index inner, unsigned seed) {
  const Index taps = axis.taps();
  std::vector<Index> first(static_cast<std::size_t>(axis.out));
  std::vector<T> weight(static_cast<std::size_t>(axis.out * taps));
  kernels::resize_table<T>(axis, first.data(), weight.data());
  const double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;
  std::vector<Real> matrix(static_cast<std::size_t>(axis.out * axis.in));
  for (Index o = 0; o < axis.out; ++o) {
    const Index begin = first[static_cast<std::size_t>(o)];
    EXPECT(begin >= 0 && begin + taps <= axis.in);
    EXPECT(o == 0 || begin >= first[static_cast<std::size_t>(o) - 1]);
    Real total = 0;
    for (Index k = 0; k < taps; ++k) {
      matrix[static_cast<std::size_t>(o * axis.in + begin + k)] = weight[static_cast<std::size_t>(o * taps + k)];
      total += weight[static_cast<std::size_t>(o * taps + k)];
    }
    EXPECT_NEAR(total, 1, tolerance);
  }
  const std::vector<T> x = random_vector<T>(outer * axis.in * inner, seed);
  const std::vector<T> dy = random_vector<T>(outer * axis.out * inner, seed + 1);
  std::vector<Real> expected(dy.size()), back(x.size());
  for (Index n = 0; n < outer; ++n) {
    for (Index o = 0; o < axis.out; ++o) {
      for (Index i = 0; i < axis.in; ++i) {
        const Real w = matrix[static_cast<std::size_t>(o * axis.in + i)];
        for (Index c = 0; c < inner; ++c) {
          const auto to = static_cast<std::size_t>((n * axis.out + o) * inner + c);
          const auto from = static_cast<std::size_t>((n * axis.in + i) * inner + c);
          expected[to] += w * x[from];
          back[from] += w * dy[to];
        }
      }
    }
  }
  std::vector<T> y(dy.size()), dx(x.size(), T(3));
  kernels::resize<T>(axis, outer, inner, first.data(), weight.data(), x.data(), y.data());
  expect_all_near(y, expected, tolerance, tolerance, "resize");
  kernels::resize_backward<T>(axis, outer, inner, first.data(), weight.data(), dy.data(), dx.data(), false);
  expect_all_near(dx, back, tolerance, tolerance, "resize_backward");
  kernels::resize_backward<T>(axis, outer, inner, first.data(), weight.data(), dy.data(), dx.data(), true);
  for (Real& v : back) v *= 2;
  expect_all_near(dx, back, 2 * tolerance, 2 * tolerance, "resize_backward +=");
}

void resizings() {
  using kernels::Interpolation;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Dice dice(seed);
    const auto method = static_cast<Interpolation>(dice(0, 4));
    const kernels::ResizeAxis axis{dice(1, 40), dice(1, 40), method, dice(0, 1) == 1};
    const Index outer = dice(1, 3);
    const Index inner = dice(1, 20);
    one_resize<float>(axis, outer, inner, seed);
    one_resize<double>(axis, outer, inner, seed);
  }
}

void threads() {
  PoolGeometry g;
  g.batch = 5;
  g.channels = 33;
  for (std::size_t i = 1; i < 3; ++i) g.axes[i] = {31, 16, 3, 2, 1};
  const auto [in, out] = sizes(g);
  const std::vector<float> x = random_vector<float>(in, 1);
  expect_same_for_all_threads("pooling", [&, out = out] {
    std::vector<float> y(static_cast<std::size_t>(out)), dx(x.size()), mean(y.size());
    std::vector<std::uint8_t> winner(y.size());
    kernels::max_pool<float, std::uint8_t>(g, x.data(), y.data(), winner.data());
    kernels::max_pool_backward<float, std::uint8_t>(g, winner.data(), y.data(), dx.data(), false);
    kernels::sum_pool<float>(g, true, x.data(), mean.data(), false);
    kernels::sum_pool_backward<float>(g, true, mean.data(), dx.data(), true);
    dx.insert(dx.end(), mean.begin(), mean.end());
    return dx;
  });
  const kernels::ResizeAxis axis{50, 71, kernels::Interpolation::bicubic, true};
  const std::vector<float> images = random_vector<float>(20 * 50 * 30, 1);
  expect_same_for_all_threads("resampling", [&] {
    std::vector<Index> first(71);
    std::vector<float> weight(static_cast<std::size_t>(71 * axis.taps())), y(20 * 71 * 30), dx(images.size());
    kernels::resize_table<float>(axis, first.data(), weight.data());
    kernels::resize<float>(axis, 20, 30, first.data(), weight.data(), images.data(), y.data());
    kernels::resize_backward<float>(axis, 20, 30, first.data(), weight.data(), y.data(), dx.data(), false);
    return dx;
  });
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  poolings();
  resizings();
  threads();
  return result();
}
