// The matrix product in GFLOP/s and as a share of the peak a register-only loop of multiply-adds reaches in this run.
// Names: gemm/<layout>/m/n/k/threads; "peak%" is relative to the peak of that many threads.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/gemm.h"

namespace {

using ranvier::Index;

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

// Twelve independent chains: enough to hide the latency of two multiply-add units, few enough for 16 registers.
template <class T>
double multiply_add_loop(Index rounds) {
  typedef T Vector __attribute__((vector_size(vector_bytes)));
  constexpr int chains = 12;
  constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));
  const Vector x = Vector{} + T(1) / T(3);
  const Vector y = Vector{} + T(2) / T(3);
  Vector sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = Vector{} + static_cast<T>(i);
  for (Index r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * x + y;
  }
  Vector total{};
  for (int i = 0; i < chains; ++i) total += sum[i];
  volatile T sink = total[0];
  static_cast<void>(sink);
  return 2.0 * chains * lanes * static_cast<double>(rounds);
}

// Best of many short runs: a disturbed run only looks slower, never faster.
template <class T>
double measured_peak() {
  double best = 0;
  multiply_add_loop<T>(2'000'000);
  for (int i = 0; i < 30; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double flop = multiply_add_loop<T>(1'000'000);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::max(best, flop / time.count());
  }
  return best;
}

template <class T>
double peak() {
  static const double value = measured_peak<T>();
  return value;
}

template <class T>
void run(benchmark::State& state, bool trans_a, bool trans_b, Index m, Index n, Index k, int threads) {
  const double limit = peak<T>() * threads;
  const int before = ranvier::num_threads();
  ranvier::set_num_threads(threads);
  std::vector<T> a(static_cast<std::size_t>(m * k), T(0.5));
  std::vector<T> b(static_cast<std::size_t>(k * n), T(0.25));
  std::vector<T> c(static_cast<std::size_t>(m * n));
  const Index lda = trans_a ? m : k;
  const Index ldb = trans_b ? k : n;
  for (auto _ : state) {
    ranvier::kernels::gemm<T>(trans_a, trans_b, m, n, k, a.data(), lda, b.data(), ldb, T(0), c.data(), n);
    benchmark::ClobberMemory();
  }
  const double flop = 2.0 * static_cast<double>(m * n * k) * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(flop * 1e-9, benchmark::Counter::kIsRate);
  state.counters["peak%"] = benchmark::Counter(flop / limit * 100, benchmark::Counter::kIsRate);
  ranvier::set_num_threads(before);
}

struct Shape {
  const char* layout;
  Index m, n, k;
};

constexpr Shape shapes[] = {
    {"NN", 512, 512, 512},
    {"NN", 1024, 1024, 1024},
    // 784-512-512-10, batch 128: forward, gradient of the input, gradient of the weights
    {"NN", 128, 512, 784},
    {"NT", 128, 784, 512},
    {"TN", 784, 512, 128},
    {"NN", 128, 512, 512},
    {"NT", 128, 512, 512},
    {"TN", 512, 512, 128},
    {"NN", 128, 10, 512},
    {"NT", 128, 512, 10},
    {"TN", 512, 10, 128},
    // 1024-1024-1024-1024-10, batch 256
    {"NN", 256, 1024, 1024},
    {"NT", 256, 1024, 1024},
    {"TN", 1024, 1024, 256},
    // 784-128-10, batch 32
    {"NN", 32, 128, 784},
    {"TN", 784, 128, 32},
    {"NN", 32, 10, 128},
    {"NT", 32, 128, 10},
    {"TN", 128, 10, 32},
    // 20-64-64-1, batch 32
    {"NN", 32, 64, 20},
    {"NN", 32, 64, 64},
    {"NN", 32, 1, 64},
    {"NT", 32, 64, 1},
    {"TN", 64, 1, 32},
    {"NT", 32, 64, 64},
    {"TN", 64, 64, 32},
    {"TN", 20, 64, 32},
    // 2-8-1, batch 4
    {"NN", 4, 8, 2},
    {"NN", 4, 1, 8},
    {"NT", 4, 8, 1},
    {"TN", 8, 1, 4},
    {"TN", 2, 8, 4},
    // one row of inference
    {"NN", 1, 128, 784},
    {"NN", 1, 10, 128},
    {"NT", 1, 784, 128},
};

template <class T>
void add(const char* type, int threads) {
  for (const Shape& s : shapes) {
    const std::string name = std::string("gemm/") + type + "/" + s.layout + "/" + std::to_string(s.m) + "/" +
                             std::to_string(s.n) + "/" + std::to_string(s.k) + "/threads:" + std::to_string(threads);
    benchmark::RegisterBenchmark(name.c_str(), [s, threads](benchmark::State& state) {
      run<T>(state, s.layout[0] == 'T', s.layout[1] == 'T', s.m, s.n, s.k, threads);
    })->UseRealTime();
  }
}

// Registered before benchmark's own main runs.
const bool registered = [] {
  const int all = ranvier::num_threads();
  add<float>("float32", 1);
  if (all > 1) add<float>("float32", all);
  add<double>("float64", 1);
  benchmark::AddCustomContext("multiply-add peak per core, float32",
                              std::to_string(peak<float>() * 1e-9) + " GFLOP/s");
  benchmark::AddCustomContext("multiply-add peak per core, float64",
                              std::to_string(peak<double>() * 1e-9) + " GFLOP/s");
  return true;
}();

}  // namespace
