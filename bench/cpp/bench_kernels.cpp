// Elementwise functions, softmax-cross-entropy, Adam, bias gradients and dropout, with bytes and items per second;
// stream_triad is what the memory of this machine gives, to hold the large sizes against.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/binary.h"
#include "ranvier/kernels/move.h"
#include "ranvier/kernels/norm.h"
#include "ranvier/kernels/pointwise_loss.h"
#include "ranvier/kernels/random.h"
#include "ranvier/kernels/reduce.h"
#include "ranvier/kernels/softmax.h"
#include "ranvier/kernels/unary.h"
#include "ranvier/kernels/update.h"

namespace {

using ranvier::Index;
using namespace ranvier::kernels;

std::vector<float> numbers(Index n, float low = -2, float high = 2) {
  std::vector<float> x(static_cast<std::size_t>(n));
  random_uniform<float>({1, 2}, n, low, high, x.data());
  return x;
}

/// `streams` arrays of n floats pass through in an iteration.
void count(benchmark::State& state, Index n, Index streams) {
  state.SetItemsProcessed(state.iterations() * n);
  state.SetBytesProcessed(state.iterations() * n * streams * 4);
}

void stream_triad(benchmark::State& state) {
  const Index n = state.range(0);
  std::vector<float> a(static_cast<std::size_t>(n));
  const std::vector<float> b = numbers(n);
  const std::vector<float> c = numbers(n);
  for (auto _ : state) {
    ranvier::parallel_for(n, 65536, [&](Index begin, Index end) {
      float* __restrict to = a.data();
      for (Index i = begin; i < end; ++i) {
        to[i] = b[static_cast<std::size_t>(i)] + 3.0F * c[static_cast<std::size_t>(i)];
      }
    });
    benchmark::ClobberMemory();
  }
  count(state, n, 3);
}
BENCHMARK(stream_triad)->Arg(1 << 14)->Arg(1 << 18)->Arg(1 << 24)->UseRealTime();

void unary_value(benchmark::State& state, Unary op) {
  const Index n = state.range(0);
  const std::vector<float> x = numbers(n, 0.1F, 4);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    unary<float>(op, {1, 2}, n, x.data(), y.data());
    benchmark::ClobberMemory();
  }
  count(state, n, 2);
}
void unary_gradient(benchmark::State& state, Unary op) {
  const Index n = state.range(0);
  const std::vector<float> x = numbers(n, 0.1F, 4);
  std::vector<float> dx(x.size());
  for (auto _ : state) {
    unary_backward<float>(op, {1, 2}, n, x.data(), x.data(), x.data(), dx.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, n, 3);
}
#define RANVIER_BENCH_UNARY(name)                                                                        \
  BENCHMARK_CAPTURE(unary_value, name, Unary::name)->Arg(32)->Arg(1 << 13)->Arg(1 << 22)->UseRealTime(); \
  BENCHMARK_CAPTURE(unary_gradient, name, Unary::name)->Arg(32)->Arg(1 << 13)->Arg(1 << 22)->UseRealTime()
RANVIER_BENCH_UNARY(relu);
RANVIER_BENCH_UNARY(exp);
RANVIER_BENCH_UNARY(tanh);
RANVIER_BENCH_UNARY(sigmoid);
RANVIER_BENCH_UNARY(gelu);
RANVIER_BENCH_UNARY(softplus);

void add_row(benchmark::State& state) {
  const Index m = state.range(0);
  const Index n = state.range(1);
  const std::vector<float> a = numbers(m * n);
  const std::vector<float> b = numbers(n);
  std::vector<float> y(a.size());
  const ranvier::Broadcast plan = ranvier::broadcast_plan({m, n}, {n}, {m, n});
  for (auto _ : state) {
    binary<float>(Binary::add, plan, a.data(), b.data(), y.data());
    benchmark::ClobberMemory();
  }
  count(state, m * n, 2);
}
BENCHMARK(add_row)->Args({4, 8})->Args({32, 128})->Args({4096, 1024})->UseRealTime();

void cross_entropy_and_gradient(benchmark::State& state) {
  const Index rows = state.range(0);
  const Index n = state.range(1);
  const std::vector<float> x = numbers(rows * n);
  std::vector<std::int32_t> label;
  for (Index r = 0; r < rows; ++r) label.push_back(static_cast<std::int32_t>(r % n));
  std::vector<float> prob(x.size()), dx(x.size()), loss(label.size()), g(label.size(), 1);
  for (auto _ : state) {
    sparse_cross_entropy<float, std::int32_t>(rows, n, x.data(), label.data(), false, 0, loss.data(), prob.data());
    sparse_cross_entropy_backward<float, std::int32_t>(rows, n, prob.data(), label.data(), false, 0, g.data(),
                                                       dx.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, rows * n, 4);
}
BENCHMARK(cross_entropy_and_gradient)->Args({4, 3})->Args({32, 10})->Args({256, 10})->Args({256, 1000})->UseRealTime();

void argmax_rows(benchmark::State& state) {
  const Index rows = state.range(0);
  const std::vector<float> x = numbers(rows * 10);
  std::vector<std::int64_t> y(static_cast<std::size_t>(rows));
  for (auto _ : state) {
    argmax<float>(rows, 10, 1, x.data(), y.data());
    benchmark::ClobberMemory();
  }
  count(state, rows * 10, 1);
}
BENCHMARK(argmax_rows)->Arg(32)->Arg(256)->UseRealTime();

void mean_squared_error(benchmark::State& state) {
  const Index rows = state.range(0);
  const std::vector<float> p = numbers(rows);
  const std::vector<float> t = numbers(rows);
  std::vector<float> loss(p.size()), dp(p.size());
  for (auto _ : state) {
    pointwise_loss<float>(PointwiseLoss::squared_error, {}, rows, 1, p.data(), t.data(), 1, loss.data());
    pointwise_loss_backward<float>(PointwiseLoss::squared_error, {}, rows, 1, p.data(), t.data(), 1, loss.data(),
                                   dp.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, rows, 7);
}
BENCHMARK(mean_squared_error)->Arg(4)->Arg(32)->UseRealTime();

void adam_step(benchmark::State& state) {
  const Index n = state.range(0);
  std::vector<float> w = numbers(n), m(w.size()), v(w.size());
  const std::vector<float> g = numbers(n);
  for (auto _ : state) {
    adam<float>({0.001, 0.9, 0.999, 1e-7}, n, w.data(), g.data(), m.data(), v.data(), nullptr);
    benchmark::ClobberMemory();
  }
  count(state, n, 7);
}
BENCHMARK(adam_step)->Arg(33)->Arg(5569)->Arg(101770)->Arg(669706)->Arg(1 << 22)->UseRealTime();

void bias_gradient(benchmark::State& state) {
  const Index rows = state.range(0);
  const Index n = state.range(1);
  const std::vector<float> x = numbers(rows * n);
  std::vector<float> y(static_cast<std::size_t>(n));
  for (auto _ : state) {
    reduce_sum<float>(1, rows, n, x.data(), 1, y.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, rows * n, 1);
}
BENCHMARK(bias_gradient)
    ->Args({4, 8})
    ->Args({32, 128})
    ->Args({128, 512})
    ->Args({256, 1024})
    ->Args({100000, 32})
    ->UseRealTime();

void row_sum(benchmark::State& state) {
  const Index n = state.range(0);
  const std::vector<float> x = numbers(n);
  float y = 0;
  for (auto _ : state) {
    reduce_sum<float>(1, n, 1, x.data(), 1, &y, false);
    benchmark::ClobberMemory();
  }
  count(state, n, 1);
}
BENCHMARK(row_sum)->Arg(32)->Arg(1 << 13)->Arg(1 << 22)->UseRealTime();

void batch_normalisation(benchmark::State& state) {
  const Index rows = state.range(0);
  const Index n = state.range(1);
  const std::vector<float> x = numbers(rows * n);
  const std::vector<float> gamma = numbers(n);
  std::vector<float> mean(gamma), variance(gamma), y(x), dx(x), dgamma(gamma), dbeta(gamma);
  for (auto _ : state) {
    channel_moments<float>(rows, n, 1, x.data(), mean.data(), variance.data());
    const ChannelNorm<float> norm{mean.data(), variance.data(), 1e-3F, gamma.data(), gamma.data()};
    channel_normalize<float>(rows, n, 1, norm, x.data(), y.data());
    channel_normalize_backward<float>(rows, n, 1, norm, true, x.data(), y.data(), dx.data(), false, dgamma.data(),
                                      false, dbeta.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, rows * n, 9);
}
BENCHMARK(batch_normalisation)->Args({32, 128})->Args({256, 1024})->UseRealTime();

void dropout_rows(benchmark::State& state) {
  const Index n = state.range(0);
  const std::vector<float> x = numbers(n);
  std::vector<float> y(x.size());
  const auto keep = std::make_unique<bool[]>(x.size());
  std::uint64_t stream = 0;
  for (auto _ : state) {
    dropout<float>({1, stream++}, n, 0.3, x.data(), y.data(), keep.get());
    benchmark::ClobberMemory();
  }
  count(state, n, 2);
}
BENCHMARK(dropout_rows)->Arg(32)->Arg(1 << 13)->Arg(1 << 22)->UseRealTime();

void normal_numbers(benchmark::State& state) {
  const Index n = state.range(0);
  std::vector<float> y(static_cast<std::size_t>(n));
  for (auto _ : state) {
    random_normal<float>({1, 2}, n, 0, 1, false, y.data());
    benchmark::ClobberMemory();
  }
  count(state, n, 1);
}
BENCHMARK(normal_numbers)->Arg(1 << 20)->UseRealTime();

void permutation(benchmark::State& state) {
  std::vector<std::int64_t> y(60000);
  for (auto _ : state) {
    random_permutation({1, 2}, 60000, y.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 60000);
}
BENCHMARK(permutation)->UseRealTime();

void transpose(benchmark::State& state) {
  const Index n = state.range(0);
  const std::vector<float> x = numbers(n * n);
  std::vector<float> y(x.size());
  StridedCopy nest;
  nest.rank = 2;
  nest.dims = {n, n};
  nest.src = {1, n};
  nest.dst = {n, 1};
  for (auto _ : state) {
    strided_copy<float>(nest, x.data(), y.data(), false);
    benchmark::ClobberMemory();
  }
  count(state, n * n, 2);
}
BENCHMARK(transpose)->Arg(100)->Arg(1000)->UseRealTime();

void gather_batch(benchmark::State& state, Source type) {
  const Index rows = 20000;
  const Index row = 784;
  const auto item = static_cast<Index>(size_of(type));
  const std::vector<unsigned char> data(static_cast<std::size_t>(rows * row * item));
  std::vector<std::int64_t> index(32);
  std::vector<float> y(32 * 784);
  Index step = 0;
  for (auto _ : state) {
    for (Index i = 0; i < 32; ++i) index[static_cast<std::size_t>(i)] = (step * 32 + i) * 7919 % rows;
    ++step;
    gather_convert(type, ranvier::DType::float32, 32, row, index.data(), data.data(), row * item, y.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 32 * row);
  state.SetBytesProcessed(state.iterations() * 32 * row * (item + 4));
}
BENCHMARK_CAPTURE(gather_batch, f32, Source::f32)->UseRealTime();
BENCHMARK_CAPTURE(gather_batch, u8, Source::u8)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
