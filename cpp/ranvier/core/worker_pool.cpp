#include "ranvier/core/worker_pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace ranvier {
namespace {

constexpr unsigned index_bits = 17;
constexpr std::uint64_t index_mask = (std::uint64_t{1} << index_bits) - 1;
constexpr std::uint64_t generation_mask = (std::uint64_t{1} << (64 - 2 * index_bits)) - 1;

std::uint64_t pack(std::uint64_t generation, Index next, Index end) {
  return ((generation & generation_mask) << (2 * index_bits)) | (static_cast<std::uint64_t>(next) << index_bits) |
         static_cast<std::uint64_t>(end);
}

// More than one only where there are more blocks than pieces can be numbered.
Index blocks_per_piece(Index n, Index grain) {
  const Index blocks = (n + grain - 1) / grain;
  return (blocks + WorkerPool::max_pieces - 1) / WorkerPool::max_pieces;
}

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How long a worker looks for the next job before it sleeps: longer than the serial stretches of a training step, short
// enough not to be noticed when training is over.
constexpr auto patience = std::chrono::microseconds(200);

}  // namespace

WorkerPool& WorkerPool::instance() {
  static WorkerPool& pool = *new WorkerPool;
  return pool;
}

bool WorkerPool::take(Share& share, std::uint64_t generation, Index& piece) {
  std::uint64_t word = share.word.load(std::memory_order_acquire);
  for (;;) {
    const auto next = static_cast<Index>((word >> index_bits) & index_mask);
    const auto end = static_cast<Index>(word & index_mask);
    if (word >> (2 * index_bits) != (generation & generation_mask) || next >= end) return false;
    if (share.word.compare_exchange_weak(word, pack(generation, next + 1, end), std::memory_order_acq_rel)) {
      piece = next;
      return true;
    }
  }
}

void WorkerPool::work(std::uint64_t generation, int me) {
  // Read before a piece is taken: taking one proves that the job is still this one, and then these were its values.
  const Index n = job_.n.load(std::memory_order_relaxed);
  const Index grain = job_.grain.load(std::memory_order_relaxed);
  const Index run = grain * blocks_per_piece(n, grain);
  const detail::ChunkFn chunk = job_.chunk.load(std::memory_order_relaxed);
  void* const context = job_.context.load(std::memory_order_relaxed);
  const std::uint64_t mode = job_.float_mode.load(std::memory_order_relaxed);
  const int shares = job_.shares.load(std::memory_order_relaxed);
  const std::uint64_t own = float_mode();
  if (own != mode) set_float_mode(mode);
  for (int i = 0; i < shares; ++i) {
    Share& share = shares_[static_cast<std::size_t>((me + i) % shares)];
    for (Index piece = 0; take(share, generation, piece);) {
      const Index end = std::min(n, (piece + 1) * run);
      for (Index begin = piece * run; begin < end; begin += grain) chunk(context, begin, std::min(end, begin + grain));
      done_.fetch_add(1, std::memory_order_release);
    }
  }
  if (own != mode) set_float_mode(own);
}

void WorkerPool::serve(int me) {
  std::uint64_t seen = 0;
  for (;;) {
    std::uint64_t now = generation_.load(std::memory_order_acquire);
    const auto start = std::chrono::steady_clock::now();
    for (unsigned spins = 0; now == seen; ++spins) {
      pause();
      now = generation_.load(std::memory_order_acquire);
      if ((spins & 63U) != 63U || now != seen) continue;
      if (std::chrono::steady_clock::now() - start < patience) {
        sched_yield();  // somebody else may need this core more
        continue;
      }
      std::unique_lock lock(sleep_);
      sleeping_.fetch_add(1);
      wake_.wait(lock, [&] { return generation_.load() != seen; });
      sleeping_.fetch_sub(1);
      now = generation_.load();
    }
    seen = now;
    if (me < job_.shares.load(std::memory_order_relaxed)) work(now, me);
  }
}

void WorkerPool::start_workers(int count) {
  try {
    for (; workers_ < count; ++workers_) std::thread([this, me = workers_ + 1] { serve(me); }).detach();
  } catch (const std::system_error&) {  // no more threads to be had: those there are take over the other shares
  }
}

bool WorkerPool::run(int threads, Index n, Index grain, detail::ChunkFn chunk, void* context) {
  const std::unique_lock lock(caller_, std::try_to_lock);
  if (!lock) return false;
  const Index run = grain * blocks_per_piece(n, grain);
  const Index pieces = (n + run - 1) / run;
  start_workers(threads - 1);
  job_.n.store(n, std::memory_order_relaxed);
  job_.grain.store(grain, std::memory_order_relaxed);
  job_.chunk.store(chunk, std::memory_order_relaxed);
  job_.context.store(context, std::memory_order_relaxed);
  job_.float_mode.store(float_mode(), std::memory_order_relaxed);
  job_.shares.store(threads, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  const std::uint64_t generation = generation_.load(std::memory_order_relaxed) + 1;
  // Fixed shares keep a piece on the same core, whose cache still holds it, from one kernel to the next.
  for (Index t = 0; t < threads; ++t) {
    shares_[static_cast<std::size_t>(t)].word.store(pack(generation, pieces * t / threads, pieces * (t + 1) / threads),
                                                    std::memory_order_release);
  }
  generation_.store(generation);
  if (sleeping_.load() > 0) {
    { const std::lock_guard sleepers(sleep_); }
    wake_.notify_all();
  }
  work(generation, 0);
  for (unsigned spins = 0; done_.load(std::memory_order_acquire) != pieces; ++spins) {
    pause();
    if ((spins & 255U) == 255U) sched_yield();
  }
  return true;
}

}  // namespace ranvier
