#include "ranvier/core/storage.h"

#include <bit>
#include <cstdlib>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ranvier {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t header = 128;  // room for the Storage object in front of its data
static_assert(sizeof(Storage) <= header);
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t cache_limit = std::size_t{1} << 30;

std::atomic<std::uint64_t> system_calls{0};
thread_local Pool* current_pool __attribute__((tls_model("initial-exec"))) = nullptr;

// Four classes per power of two waste at most a quarter of a block: sizes (4 + s)·2^e with s in 0..3.
struct SizeClass {
  int index;
  std::size_t bytes;
};

SizeClass size_class(std::size_t bytes) {
  const std::size_t units = (bytes + alignment - 1) / alignment;
  if (units <= 4) return {static_cast<int>(units), units * alignment};
  const int exponent = static_cast<int>(std::bit_width(units - 1)) - 3;
  const std::size_t step = std::size_t{1} << exponent;
  const std::size_t rounded = (units + step - 1) / step;  // 5..8
  return {static_cast<int>(rounded) + 4 * exponent, rounded * step * alignment};
}

class OutOfMemory final : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes)
      : text_("a tensor of " + std::to_string(bytes) + " bytes is more than the system has memory for") {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

std::byte* system_allocate(std::size_t bytes) {
  ++system_calls;
  const bool huge = bytes >= 2 * huge_page;
  const std::size_t align = huge ? huge_page : alignment;
  auto* block = static_cast<std::byte*>(std::aligned_alloc(align, (bytes + align - 1) / align * align));
  if (block == nullptr) throw OutOfMemory(bytes);
#if defined(__linux__)
  if (huge) madvise(block, bytes, MADV_HUGEPAGE);  // fewer TLB misses in big products; failure changes nothing
#endif
  return block;
}

}  // namespace

std::uint64_t system_allocations() { return system_calls; }

Storage::Storage(void* data, std::size_t bytes, std::function<void()> release)
    : data_(static_cast<std::byte*>(data)), bytes_(bytes), on_release_(std::move(release)) {}

Storage::Storage(std::byte* data, std::size_t bytes, int size_class, Ref<Pool> pool)
    : data_(data), bytes_(bytes), size_class_(size_class), pool_(std::move(pool)) {}

Storage::~Storage() {
  if (on_release_) on_release_();
}

void Storage::destroy() {
  if (size_class_ < 0) {
    delete this;
    return;
  }
  const Ref<Pool> pool = std::move(pool_);  // outlives this block's return to it
  pool->give_back(this);
}

Pool::~Pool() { trim(); }

Ref<Storage> Pool::allocate(std::size_t bytes) {
  const SizeClass size = size_class(bytes + header);
  if (size.index >= class_count) throw OutOfMemory(bytes);
  std::byte* block = nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto& list = free_[static_cast<std::size_t>(size.index)];
    if (!list.empty()) {
      block = list.back();
      list.pop_back();
      cached_ -= size.bytes;
      live_ += size.bytes;
    }
  }
  if (block == nullptr) {
    try {
      block = system_allocate(size.bytes);
    } catch (const std::bad_alloc&) {
      if (keep_everything_) throw;
      trim();  // what waits in other classes may be what is missing
      block = system_allocate(size.bytes);
    }
    const std::lock_guard lock(mutex_);
    live_ += size.bytes;
  }
  return Ref<Storage>(new (block) Storage(block + header, size.bytes - header, size.index, Ref<Pool>(this)));
}

void Pool::give_back(Storage* storage) {
  const int index = storage->size_class_;
  const std::size_t bytes = storage->bytes_ + header;
  auto* block = reinterpret_cast<std::byte*>(storage);
  storage->~Storage();
  const std::lock_guard lock(mutex_);
  live_ -= bytes;
  if (!keep_everything_ && cached_ + bytes > cache_limit) {
    std::free(block);
    return;
  }
  cached_ += bytes;
  free_[static_cast<std::size_t>(index)].push_back(block);
}

void Pool::trim() {
  const std::lock_guard lock(mutex_);
  for (auto& list : free_) {
    for (std::byte* block : list) std::free(block);
    list.clear();
  }
  cached_ = 0;
}

Pool& Pool::global() {
  // Never destroyed: tensors held by Python outlive static destructors.
  static Pool& pool = *[] {
    auto* made = new Pool;
    made->retain();
    return made;
  }();
  return pool;
}

Pool& Pool::current() { return current_pool != nullptr ? *current_pool : global(); }

PoolScope::PoolScope(Pool& pool) : previous_(current_pool) { current_pool = &pool; }
PoolScope::~PoolScope() { current_pool = previous_; }

}  // namespace ranvier
