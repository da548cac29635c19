// The matrix product against the peak of this machine (peak.h).
// Names: gemm/<type>/<layout>/m/n/k/threads. Time is per product.
#include <algorithm>
#include <string>

#include "peak.h"
#include "ranvier/kernels/gemm.h"

namespace {

using ranvier::Index;

template <class T>
void run(benchmark::State& state, bool trans_a, bool trans_b, Index m, Index n, Index k, int threads) {
  const ranvier::bench::Buffer<T> a(m * k, T(0.5));
  const ranvier::bench::Buffer<T> b(k * n, T(0.25));
  const ranvier::bench::Buffer<T> c(m * n, T(0));
  ranvier::bench::time_against_peak<T>(state, 2.0 * static_cast<double>(m * n * k), threads, [&] {
    ranvier::kernels::gemm<T>(trans_a, trans_b, m, n, k, a.data(), trans_a ? m : k, b.data(), trans_b ? k : n, T(0),
                              c.data(), n);
  });
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
    // GPT of width 128, 12 sequences of 64: projections, the two dense layers, the logits
    {"NN", 768, 128, 128},
    {"NT", 768, 128, 128},
    {"TN", 128, 128, 768},
    {"NN", 768, 512, 128},
    {"NT", 768, 128, 512},
    {"TN", 128, 512, 768},
    {"NN", 768, 128, 512},
    {"NT", 768, 512, 128},
    {"TN", 512, 128, 768},
    {"NN", 768, 65, 128},
    {"NT", 768, 128, 65},
    {"TN", 128, 65, 768},
    // the same with 16 sequences of 256
    {"NN", 4096, 512, 128},
    {"NT", 4096, 128, 512},
    {"TN", 128, 512, 4096},
    {"NT", 4096, 512, 128},
    {"TN", 512, 128, 4096},
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
