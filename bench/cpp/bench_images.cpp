// Pooling, resampling and batch normalisation on the tensors of convolutional networks: (64, size, size, channels).
// Bytes count every array once a pass that cannot be avoided; hold them against stream_triad of bench_kernels.
#include <benchmark/benchmark.h>

#include <vector>

#include "ranvier/kernels/norm.h"
#include "ranvier/kernels/pool.h"
#include "ranvier/kernels/random.h"
#include "ranvier/kernels/resize.h"

namespace {

using ranvier::Index;
using namespace ranvier::kernels;

constexpr Index batch = 64;

std::vector<float> numbers(Index n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  random_uniform<float>({1, 2}, n, -2, 2, x.data());
  return x;
}

void count(benchmark::State& state, Index bytes) { state.SetBytesProcessed(state.iterations() * bytes); }

PoolGeometry windows(const benchmark::State& state) {
  PoolGeometry g{batch, state.range(1), {}};
  const Index size = state.range(0);
  const Index window = state.range(2);
  for (std::size_t i = 1; i < 3; ++i) g.axes[i] = {size, size / 2, window, 2, window == 3 ? 1 : 0};
  return g;
}
Index elements(const PoolGeometry& g, Index PoolAxis::*size) {
  return g.batch * g.channels * (g.axes[1].*size) * (g.axes[2].*size);
}

void max_pool_forward(benchmark::State& state) {
  const PoolGeometry g = windows(state);
  const std::vector<float> x = numbers(elements(g, &PoolAxis::in));
  std::vector<float> y(static_cast<std::size_t>(elements(g, &PoolAxis::out)));
  std::vector<std::uint8_t> winner(y.size());
  for (auto _ : state) {
    max_pool<float>(g, x.data(), y.data(), winner.data());
    benchmark::ClobberMemory();
  }
  count(state, static_cast<Index>(x.size() * 4 + y.size() * 5));
}
void max_pool_gradient(benchmark::State& state) {
  const PoolGeometry g = windows(state);
  std::vector<float> dx = numbers(elements(g, &PoolAxis::in));
  std::vector<float> y(static_cast<std::size_t>(elements(g, &PoolAxis::out)));
  std::vector<std::uint8_t> winner(y.size());
  max_pool<float>(g, dx.data(), y.data(), winner.data());
  for (auto _ : state) {
    max_pool_backward<float>(g, winner.data(), y.data(), dx.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, static_cast<Index>(dx.size() * 4 + y.size() * 5));
}
void average_pool_forward(benchmark::State& state) {
  const PoolGeometry g = windows(state);
  const std::vector<float> x = numbers(elements(g, &PoolAxis::in));
  std::vector<float> y(static_cast<std::size_t>(elements(g, &PoolAxis::out)));
  for (auto _ : state) {
    sum_pool<float>(g, true, x.data(), y.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, static_cast<Index>((x.size() + y.size()) * 4));
}
void average_pool_gradient(benchmark::State& state) {
  const PoolGeometry g = windows(state);
  std::vector<float> dx = numbers(elements(g, &PoolAxis::in));
  const std::vector<float> dy = numbers(elements(g, &PoolAxis::out));
  for (auto _ : state) {
    sum_pool_backward<float>(g, true, dy.data(), dx.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, static_cast<Index>((dx.size() + dy.size()) * 4));
}
#define RANVIER_BENCH_POOL(name) \
  BENCHMARK(name)->Args({32, 32, 2})->Args({32, 128, 2})->Args({32, 32, 3})->Args({28, 6, 2})->UseRealTime()
RANVIER_BENCH_POOL(max_pool_forward);
RANVIER_BENCH_POOL(max_pool_gradient);
RANVIER_BENCH_POOL(average_pool_forward);
RANVIER_BENCH_POOL(average_pool_gradient);

/// One axis of (64, size, size, channels) doubled: rows (inner = size·channels) or columns (inner = channels).
void resize_axis(benchmark::State& state) {
  const Index size = state.range(0);
  const Index channels = state.range(1);
  const bool rows = state.range(2) == 0;
  const ResizeAxis axis{size, 2 * size, Interpolation::bilinear, false};
  std::vector<Index> first(static_cast<std::size_t>(axis.out));
  std::vector<float> weight(static_cast<std::size_t>(axis.out * axis.taps()));
  resize_table<float>(axis, first.data(), weight.data());
  const std::vector<float> x = numbers(batch * size * size * channels);
  std::vector<float> y(2 * x.size());
  for (auto _ : state) {
    resize<float>(axis, rows ? batch : batch * size, rows ? size * channels : channels, first.data(), weight.data(),
                  x.data(), y.data());
    benchmark::ClobberMemory();
  }
  count(state, static_cast<Index>(3 * x.size() * 4));
}
BENCHMARK(resize_axis)->Args({32, 32, 0})->Args({32, 32, 1})->Args({64, 3, 0})->Args({64, 3, 1})->UseRealTime();

struct Normalisation {
  explicit Normalisation(const benchmark::State& state)
      : rows(batch * state.range(0) * state.range(0)), channels(state.range(1)) {
    x = numbers(rows * channels);
    y = x;
    for (auto* v : {&mean, &variance, &gamma, &beta, &dgamma, &dbeta}) *v = numbers(channels);
    channel_moments<float>(rows, channels, 1, x.data(), mean.data(), variance.data());
  }
  ChannelNorm<float> norm(bool relu) const {
    return {mean.data(), variance.data(), 1e-3F, gamma.data(), beta.data(), relu};
  }
  Index rows;
  Index channels;
  std::vector<float> x, y, mean, variance, gamma, beta, dgamma, dbeta;
};

void batch_moments(benchmark::State& state) {
  Normalisation n(state);
  for (auto _ : state) {
    channel_moments<float>(n.rows, n.channels, 1, n.x.data(), n.mean.data(), n.variance.data());
    benchmark::ClobberMemory();
  }
  count(state, n.rows * n.channels * 4);
}
void batch_normalize(benchmark::State& state, bool relu) {
  Normalisation n(state);
  for (auto _ : state) {
    channel_normalize<float>(n.rows, n.channels, 1, n.norm(relu), n.x.data(), n.y.data());
    benchmark::ClobberMemory();
  }
  count(state, n.rows * n.channels * 8);
}
void batch_gradient(benchmark::State& state, bool relu) {
  Normalisation n(state);
  const std::vector<float> dy = n.x;
  for (auto _ : state) {
    channel_normalize_backward<float>(n.rows, n.channels, 1, n.norm(relu), true, n.x.data(), dy.data(), n.y.data(),
                                      false, n.dgamma.data(), false, n.dbeta.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, n.rows * n.channels * 20);  // x and dy for the sums, then x, dy and dx
}
#define RANVIER_SHAPES Args({32, 16})->Args({32, 32})->Args({32, 128})->Args({8, 128})->UseRealTime()
BENCHMARK(batch_moments)->RANVIER_SHAPES;
BENCHMARK_CAPTURE(batch_normalize, plain, false)->RANVIER_SHAPES;
BENCHMARK_CAPTURE(batch_normalize, relu, true)->RANVIER_SHAPES;
BENCHMARK_CAPTURE(batch_gradient, plain, false)->RANVIER_SHAPES;
BENCHMARK_CAPTURE(batch_gradient, relu, true)->RANVIER_SHAPES;

}  // namespace

BENCHMARK_MAIN();
