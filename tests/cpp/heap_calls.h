// Counting replacements of operator new: what a steady training step must not call. For one file of a test program.
#pragma once

#include <cstdlib>
#include <new>

namespace ranvier::testing {
inline std::size_t heap_calls = 0;
}

#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // both sides are replaced here, with malloc and free
void* operator new(std::size_t bytes) {
  ++ranvier::testing::heap_calls;
  if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {  // std::stable_sort asks for its buffer so
  ++ranvier::testing::heap_calls;
  return std::malloc(bytes);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
