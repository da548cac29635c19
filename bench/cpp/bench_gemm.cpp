// The matrix product in GFLOP/s and as a share of the peak that a register-only loop of multiply-adds reaches.
// A processor's clock moves by a fifth with load and temperature, so the two are timed in turns, a fraction of a
// millisecond each, on the same number of threads; "GFLOP/s", "peak" and "%peak" are medians over the turns.
// Names: gemm/<type>/<layout>/m/n/k/threads. Time is per product.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <numeric>
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

// Aligned to a cache line, as the engine's tensors are.
template <class T>
class Buffer {
 public:
  Buffer(Index size, T value)
      : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T), line))) {
    std::fill_n(data_, size, value);
  }
  ~Buffer() { ::operator delete(data_, line); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  T* data() const { return data_; }

 private:
  static constexpr std::align_val_t line{64};
  T* data_;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Multiply-adds per second of all threads together.
template <class T>
double measured_peak(int threads) {
  const auto start = Clock::now();
  std::vector<double> flop(static_cast<std::size_t>(threads));
  ranvier::parallel_for(threads, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) flop[static_cast<std::size_t>(i)] = multiply_add_loop<T>(20'000);
  });
  return std::accumulate(flop.begin(), flop.end(), 0.0) / seconds_since(start);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class T>
void run(benchmark::State& state, bool trans_a, bool trans_b, Index m, Index n, Index k, int threads) {
  const int before = ranvier::num_threads();
  ranvier::set_num_threads(threads);
  const Buffer<T> a(m * k, T(0.5));
  const Buffer<T> b(k * n, T(0.25));
  const Buffer<T> c(m * n, T(0));
  const auto multiply = [&](Index calls) {
    const auto start = Clock::now();
    for (Index i = 0; i < calls; ++i) {
      ranvier::kernels::gemm<T>(trans_a, trans_b, m, n, k, a.data(), trans_a ? m : k, b.data(), trans_b ? k : n, T(0),
                                c.data(), n);
      benchmark::ClobberMemory();
    }
    return seconds_since(start) / static_cast<double>(calls);
  };
  multiply(2);
  const auto calls = static_cast<Index>(std::max(1.0, 3e-4 / multiply(3)));
  const double flop = 2.0 * static_cast<double>(m * n * k);
  std::vector<double> rates;
  std::vector<double> peaks;
  std::vector<double> shares;
  for (auto _ : state) {
    peaks.push_back(measured_peak<T>(threads));
    const double time = multiply(calls);
    state.SetIterationTime(time);
    rates.push_back(flop / time);
    shares.push_back(100 * rates.back() / peaks.back());
  }
  state.counters["GFLOP/s"] = median(rates) * 1e-9;
  state.counters["peak"] = median(peaks) * 1e-9;
  state.counters["%peak"] = median(shares);
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
    const auto turns =
        static_cast<benchmark::IterationCount>(std::clamp(1e10 / static_cast<double>(s.m * s.n * s.k), 30.0, 300.0));
    const std::string name = std::string("gemm/") + type + "/" + s.layout + "/" + std::to_string(s.m) + "/" +
                             std::to_string(s.n) + "/" + std::to_string(s.k) + "/threads:" + std::to_string(threads);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [s, threads](benchmark::State& state) {
                                   run<T>(state, s.layout[0] == 'T', s.layout[1] == 'T', s.m, s.n, s.k, threads);
                                 })
        ->UseManualTime()
        ->Iterations(turns);
  }
}

// Registered before benchmark's own main runs.
const bool registered = [] {
  const int all = ranvier::num_threads();
  add<float>("float32", 1);
  if (all > 1) add<float>("float32", all);
  add<double>("float64", 1);
  return true;
}();

}  // namespace
