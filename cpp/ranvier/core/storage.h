// Memory of tensors: blocks handed out by caching pools, aligned for the widest vector unit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "ranvier/core/ref.h"

namespace ranvier {

class Pool;

/// A block of memory with its owner. Either from a pool, or foreign (a NumPy or DLPack buffer kept alive by `keeper`).
class Storage final : public RefCounted {
 public:
  /// Wraps foreign memory; `release` runs when the last tensor on it is gone.
  Storage(void* data, std::size_t bytes, std::function<void()> release);
  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  friend class Pool;
  Storage(std::byte* data, std::size_t bytes, int size_class, Ref<Pool> pool);
  ~Storage() override;
  void destroy() override;

  std::byte* data_;
  std::size_t bytes_;
  int size_class_ = -1;
  Ref<Pool> pool_;
  std::function<void()> on_release_;
};

/// A caching allocator. Freed blocks wait in lists by size class for the next tensor of that size, so a repeated
/// computation asks the system for memory only the first time round.
class Pool final : public RefCounted {
 public:
  /// A pool that keeps everything never gives a block back to the system while it lives: a recorded program may still
  /// write to it.
  explicit Pool(bool keep_everything = false) : keep_everything_(keep_everything) {}
  ~Pool() override;

  /// Memory for `bytes` (64-byte aligned, uninitialised). Throws std::bad_alloc.
  Ref<Storage> allocate(std::size_t bytes);
  /// Gives the waiting blocks back to the system.
  void trim();
  std::size_t cached_bytes() const { return cached_; }
  std::size_t live_bytes() const { return live_; }

  /// The pool that allocate() of this thread uses: the global one, or the innermost PoolScope's.
  static Pool& current();
  static Pool& global();

 private:
  friend class Storage;
  void give_back(Storage* storage);

  static constexpr int class_count = 160;
  const bool keep_everything_;
  std::mutex mutex_;
  std::array<std::vector<std::byte*>, class_count> free_;
  std::size_t cached_ = 0;
  std::size_t live_ = 0;
};

/// Tensors made on this thread while it lives come from `pool`.
class PoolScope {
 public:
  explicit PoolScope(Pool& pool);
  ~PoolScope();
  PoolScope(const PoolScope&) = delete;
  PoolScope& operator=(const PoolScope&) = delete;

 private:
  Pool* previous_;
};

/// How often any pool has asked the system for memory since the start: the test of "no allocation in a steady step".
std::uint64_t system_allocations();

}  // namespace ranvier
