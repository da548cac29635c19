#include "ranvier/core/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "ranvier/core/check.h"
#include "ranvier/core/worker_pool.h"

namespace ranvier {
namespace {

int affinity_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

// cgroup v2 writes "quota period" or "max period"; v1 uses two files with quota -1 for none.
int cgroup_count() {
  double quota = -1;
  double period = -1;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2) {
    std::string first;
    if (v2 >> first >> period && first != "max") quota = std::atof(first.c_str());
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  if (quota <= 0 || period <= 0) return 1 << 16;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

int initial_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const int n = std::atoi(text);
    if (n >= 1) return n;
  }
  const int n = std::min(affinity_count(), cgroup_count());
  omp_set_num_threads(n);
  return n;
}

struct Threads {
  std::atomic<int> count{initial_threads()};
  // A child of fork has none of its parent's worker threads.
  std::atomic<bool> forked{false};

  Threads() {
    pthread_atfork(nullptr, nullptr, [] { instance().forked = true; });
  }
  static Threads& instance() {
    static Threads threads;
    return threads;
  }
};

[[maybe_unused]] Threads& started = Threads::instance();

}  // namespace

#if defined(__SSE2__)
constexpr unsigned flush_bits = 0x8040;  // flush-to-zero and denormals-are-zero
#endif

std::uint64_t float_mode() {
#if defined(__SSE2__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  std::uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void set_float_mode([[maybe_unused]] std::uint64_t mode) {
#if defined(__SSE2__)
  _mm_setcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" ::"r"(mode));
#endif
}

std::uint64_t flushing(std::uint64_t mode) {
#if defined(__SSE2__)
  return mode | flush_bits;
#elif defined(__aarch64__)
  return mode | (std::uint64_t{1} << 24);
#else
  return mode;
#endif
}

int num_threads() { return Threads::instance().forked ? 1 : Threads::instance().count.load(); }

void set_num_threads(int n) {
  check(n >= 1, "set_num_threads: expected n >= 1, received ", n);
  Threads::instance().count = n;
  omp_set_num_threads(n);
}

namespace detail {
namespace {

// Set while this thread runs a piece: parallel_for inside parallel_for runs where it is.
thread_local bool inside __attribute__((tls_model("initial-exec"))) = false;

struct Piecework {
  ChunkFn chunk;
  void* context;
};

}  // namespace

void parallel_run(Index n, Index grain, ChunkFn chunk, void* context) {
  const Index pieces = (n + grain - 1) / grain;
  // omp_get_max_threads() is what OMP_NUM_THREADS, threadpoolctl and omp_set_num_threads steer.
  const int limit = std::min({num_threads(), omp_get_max_threads(), WorkerPool::max_threads});
  const int threads = static_cast<int>(std::min(pieces, static_cast<Index>(limit)));
  Piecework piecework{chunk, context};
  const ChunkFn marked = [](void* work, Index begin, Index end) {
    const auto& [function, data] = *static_cast<Piecework*>(work);
    inside = true;
    function(data, begin, end);
    inside = false;
  };
  if (threads > 1 && !inside && WorkerPool::instance().run(threads, n, grain, marked, &piecework)) return;
  for (Index begin = 0; begin < n; begin += grain) chunk(context, begin, std::min(n, begin + grain));
}

}  // namespace detail

FlushDenormals::FlushDenormals() : saved_(float_mode()) {
  const std::uint64_t mode = flushing(saved_);
  if (mode != saved_) set_float_mode(mode);
}

FlushDenormals::~FlushDenormals() {
  if (flushing(saved_) != saved_) set_float_mode(saved_);
}

}  // namespace ranvier
