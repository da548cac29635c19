// A kernel's speed in GFLOP/s and as a share of the peak that a register-only loop of multiply-adds reaches.
// A processor's clock moves by a fifth with load and temperature, so the two are timed in turns, a fraction of a
// millisecond each, on the same number of threads; "GFLOP/s", "peak" and "%peak" are medians over the turns.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <numeric>
#include <vector>

#include "ranvier/core/parallel.h"

namespace ranvier::bench {

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

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Multiply-adds per second of all threads together.
template <class T>
double measured_peak(int threads) {
  const auto start = Clock::now();
  std::vector<double> flop(static_cast<std::size_t>(threads));
  parallel_for(threads, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) flop[static_cast<std::size_t>(i)] = multiply_add_loop<T>(20'000);
  });
  return std::accumulate(flop.begin(), flop.end(), 0.0) / seconds_since(start);
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Times `call` in turns with the peak loop; `flop` is what one call computes.
template <class T, class F>
void time_against_peak(benchmark::State& state, double flop, int threads, F&& call) {
  const int before = num_threads();
  set_num_threads(threads);
  const auto timed = [&](Index calls) {
    const auto start = Clock::now();
    for (Index i = 0; i < calls; ++i) {
      call();
      benchmark::ClobberMemory();
    }
    return seconds_since(start) / static_cast<double>(calls);
  };
  timed(2);
  const auto calls = static_cast<Index>(std::max(1.0, 3e-4 / timed(3)));
  std::vector<double> rates;
  std::vector<double> peaks;
  std::vector<double> shares;
  for (auto _ : state) {
    peaks.push_back(measured_peak<T>(threads));
    const double time = timed(calls);
    state.SetIterationTime(time);
    rates.push_back(flop / time);
    shares.push_back(100 * rates.back() / peaks.back());
  }
  state.counters["GFLOP/s"] = median(rates) * 1e-9;
  state.counters["peak"] = median(peaks) * 1e-9;
  state.counters["%peak"] = median(shares);
  set_num_threads(before);
}

}  // namespace ranvier::bench
