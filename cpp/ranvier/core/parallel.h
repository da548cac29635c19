// The one word for threads: parallel_for. The work is cut by size and grain, never by the number of threads,
// so results do not depend on it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "ranvier/core/shape.h"

namespace ranvier {

/// Threads the engine may use; starts at OMP_NUM_THREADS, else min(CPU affinity, cgroup quota).
int num_threads();
/// ValueError unless n >= 1.
void set_num_threads(int n);

namespace detail {
using ChunkFn = void (*)(void* context, Index begin, Index end);
void parallel_run(Index n, Index grain, ChunkFn chunk, void* context);
}  // namespace detail

/// Calls f(begin, end) over [0, n) cut in pieces of `grain` (the last one shorter), on several threads when there
/// is more than one piece. f must not throw and pieces must not depend on each other.
template <class F>
void parallel_for(Index n, Index grain, F&& f) {
  if (n <= 0) return;
  if (n <= grain) {
    f(Index{0}, n);
    return;
  }
  using Fn = std::remove_reference_t<F>;
  detail::parallel_run(
      n, grain, [](void* context, Index begin, Index end) { (*static_cast<Fn*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

/// While it lives, denormal floats count as zero on this thread (they are 100 times slower); then the caller's
/// mode is back. parallel_for carries the mode to its workers.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint64_t saved_;
};

}  // namespace ranvier
