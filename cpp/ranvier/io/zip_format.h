// The records of a zip file and how their little-endian numbers are read and written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ranvier/core/check.h"

namespace ranvier::io::zip_format {

constexpr std::uint32_t local_signature = 0x04034B50;
constexpr std::uint32_t central_signature = 0x02014B50;
constexpr std::uint32_t end_signature = 0x06054B50;
constexpr std::uint32_t end64_signature = 0x06064B50;
constexpr std::uint32_t locator_signature = 0x07064B50;

// Bytes of each record without its name, extra fields and comment.
constexpr std::size_t local_bytes = 30;
constexpr std::size_t central_bytes = 46;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t end64_bytes = 56;
constexpr std::size_t locator_bytes = 20;

constexpr std::uint16_t zip64_extra = 1;
constexpr std::uint16_t alignment_extra = 0xD935;  // as Android's zipalign pads: the alignment, then zeros
constexpr std::uint32_t flag_encrypted = 1U << 0U;
constexpr std::uint32_t flag_descriptor = 1U << 3U;  // sizes and checksum follow the data
constexpr std::uint32_t flag_utf8 = 1U << 11U;
constexpr std::uint32_t masked16 = 0xFFFF;  // the value is in the zip64 field
constexpr std::uint32_t masked32 = 0xFFFFFFFF;

/// Why a reader should refuse this entry name, or null. Names come from strangers: none may lead out of a folder.
const char* name_fault(std::string_view name);

/// Appends the low `bytes` bytes of `value`.
inline void put(std::string& out, int bytes, std::uint64_t value) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
}

/// Reads numbers one after the other; ValueError with the text of `what` when a record ends too early.
class Fields {
 public:
  Fields(std::string_view record, std::string_view what) : record_(record), what_(what) {}
  std::string_view take(std::size_t bytes) {
    check(bytes <= record_.size(), what_);
    const std::string_view taken = record_.substr(0, bytes);
    record_.remove_prefix(bytes);
    return taken;
  }
  void skip(std::size_t bytes) { (void)take(bytes); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  bool done() const { return record_.empty(); }

 private:
  std::uint64_t number(std::size_t bytes) {
    const std::string_view text = take(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i > 0; --i) value = value << 8U | static_cast<unsigned char>(text[i - 1]);
    return value;
  }

  std::string_view record_;
  std::string_view what_;
};

}  // namespace ranvier::io::zip_format
