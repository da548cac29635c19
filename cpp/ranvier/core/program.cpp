#include "ranvier/core/program.h"

namespace ranvier {

constinit thread_local Program* Program::recording_ = nullptr;

void* Program::room(std::size_t bytes) {
  constexpr std::size_t align = alignof(std::max_align_t);
  const std::size_t size = (bytes + align - 1) / align * align;
  if (used_ + size > chunk_bytes) {
    chunks_.push_back(std::make_unique<std::byte[]>(size > chunk_bytes ? size : chunk_bytes));
    used_ = 0;
  }
  void* place = chunks_.back().get() + used_;
  used_ += size;
  return place;
}

}  // namespace ranvier
