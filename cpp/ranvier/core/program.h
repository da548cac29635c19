// A recorded computation: the list of kernel calls of one training step, replayed for every further batch.
//
// Every op runs its kernels through exec(). While a Program records, exec also keeps the call; its closure may hold raw
// pointers and numbers only, so a replay is a walk over function pointers: no graph, no dispatch, no allocation. The
// pointers stay valid because a recording takes its memory from the program's own pool, and the order of the replay is
// the order in which that memory was used and reused.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "ranvier/core/storage.h"

namespace ranvier {

class Program {
 public:
  Program() : pool_(make_ref<Pool>(true)) {}

  /// Runs the recorded calls again, in order.
  void replay() const {
    for (const Call& call : calls_) call.run(call.closure);
  }
  std::size_t size() const { return calls_.size(); }
  Pool& pool() { return *pool_; }

  template <class F>
  void add(const F& f) {
    static_assert(std::is_trivially_copyable_v<F> && std::is_trivially_destructible_v<F>,
                  "an exec() closure may capture raw pointers and plain values only");
    void* place = room(sizeof(F));
    new (place) F(f);
    calls_.push_back({[](const void* closure) { (*static_cast<const F*>(closure))(); }, place});
  }

  /// The program this thread is recording into, or null.
  static Program* recording() { return recording_; }

  /// While it lives, this thread's exec calls and allocations go to the program.
  class Recording {
   public:
    explicit Recording(Program& program) : scope_(program.pool()), previous_(recording_) { recording_ = &program; }
    ~Recording() { recording_ = previous_; }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

   private:
    PoolScope scope_;
    Program* previous_;
  };

 private:
  struct Call {
    void (*run)(const void* closure);
    const void* closure;
  };
  static constexpr std::size_t chunk_bytes = 16384;

  void* room(std::size_t bytes);

  static constinit thread_local Program* recording_ __attribute__((tls_model("initial-exec")));
  Ref<Pool> pool_;
  std::vector<Call> calls_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t used_ = chunk_bytes;
};

/// Runs f now and, while a program records, in every replay. f captures raw pointers and plain values by copy.
template <class F>
void exec(const F& f) {
  f();
  if (Program* program = Program::recording(); program != nullptr) [[unlikely]] {
    program->add(f);
  }
}

}  // namespace ranvier
