// The two floors of this machine, on all cores: fused multiply-adds held in registers, and a triad over big arrays.
#include <omp.h>

#include <chrono>
#include <cstdio>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif
typedef float Vec __attribute__((vector_size(width * sizeof(float))));

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double fma_rate() {
  constexpr int chains = 12;  // enough independent sums to hide the latency of an FMA
  constexpr long rounds = 4'000'000;
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double start = seconds();
    float sink = 0;
#pragma omp parallel reduction(+ : sink)
    {
      Vec a[chains];
      for (int i = 0; i < chains; ++i) a[i] = Vec{} + static_cast<float>(i);
      Vec x = Vec{} + 0.999999f;
      Vec y = Vec{} + 1e-6f;
      for (long r = 0; r < rounds; ++r) {
        asm volatile("" : "+v"(x), "+v"(y));
#pragma GCC unroll 12
        for (int i = 0; i < chains; ++i) a[i] = a[i] * x + y;
      }
      for (int i = 0; i < chains; ++i) sink += a[i][0];
    }
    const double flops = 2.0 * width * chains * rounds * omp_get_max_threads();
    const double rate = flops / (seconds() - start);
    if (sink != 12345.678f && rate > best) best = rate;
  }
  return best;
}

double triad_rate() {
  constexpr long n = 1L << 25;
  std::vector<float> a(n, 1), b(n, 2), c(n, 3);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double start = seconds();
#pragma omp parallel for
    for (long i = 0; i < n; ++i) a[i] = b[i] + 0.5f * c[i];
    const double rate = 3.0 * sizeof(float) * n / (seconds() - start);
    if (rate > best) best = rate;
  }
  return a[7] > 0 ? best : 0;
}

}  // namespace

int main() {
  std::printf("{\"flops\": %.4g, \"bytes\": %.4g, \"cores\": %d}\n", fma_rate(), triad_rate(), omp_get_max_threads());
}
