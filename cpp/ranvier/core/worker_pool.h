// The threads behind parallel_for.
//
// An OpenMP region ends with a barrier of the whole team: when another program keeps one worker off its core, every
// region waits for the scheduler (measured: a 100 µs training step became 7 ms). Here each thread owns a share of the
// pieces and takes from others when done, so the caller never waits for a thread that has not begun a piece. Which
// thread runs a piece changes nothing in the results.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ranvier/core/parallel.h"

namespace ranvier {

class WorkerPool {
 public:
  static constexpr int max_threads = 256;
  static constexpr Index max_pieces = Index{1} << 16;

  /// Calls chunk for every block of `grain` in [0, n) on up to `threads` threads, the caller included. False when the pool is busy with another caller: nothing was done then.
  bool run(int threads, Index n, Index grain, detail::ChunkFn chunk, void* context);

  /// The pool of this process; never destroyed, since its threads may outlive static objects.
  static WorkerPool& instance();

 private:
  // A share of the pieces (runs of blocks): generation | next piece | end, in one word, so that taking a piece of an old job fails.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> word{0};
  };
  struct Job {
    std::atomic<Index> n{0};
    std::atomic<Index> grain{1};
    std::atomic<detail::ChunkFn> chunk{nullptr};
    std::atomic<void*> context{nullptr};
    std::atomic<std::uint64_t> float_mode{0};
    std::atomic<int> shares{0};
  };

  void start_workers(int count);
  void serve(int me);
  void work(std::uint64_t generation, int me);
  bool take(Share& share, std::uint64_t generation, Index& piece);

  std::mutex caller_;
  Job job_;
  alignas(64) std::atomic<std::uint64_t> generation_{0};
  alignas(64) std::atomic<Index> done_{0};
  alignas(64) std::atomic<int> sleeping_{0};
  std::unique_ptr<Share[]> shares_{new Share[max_threads]};
  int workers_ = 0;  ///< started so far, guarded by caller_
  std::mutex sleep_;
  std::condition_variable wake_;
};

/// The floating-point control word of this thread, and the one that flushes denormals.
std::uint64_t float_mode();
void set_float_mode(std::uint64_t mode);
std::uint64_t flushing(std::uint64_t mode);

}  // namespace ranvier
