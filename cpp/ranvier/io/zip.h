// Zip archives of stored (uncompressed) entries (APPNOTE.TXT 6.3.10). Any zip program opens what is written here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/io/file.h"

namespace ranvier::io {

struct ZipEntry {
  std::string name;
  std::uint64_t header = 0;  ///< offset of its local header
  std::uint64_t offset = 0;  ///< offset of its data
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
};

/// Writes an archive atomically. The same entries give the same bytes: no clock, no user, no folder goes into the file.
/// Data of each entry start at a multiple of 64 bytes, so that tensors in them can be mapped.
class ZipWriter {
 public:
  static constexpr std::uint64_t zip64_limit = 0xFFFFFFFF;
  static constexpr std::uint64_t alignment = 64;

  /// Sizes and offsets from `zip64_from` on are written in the 64-bit form; tests lower it.
  explicit ZipWriter(const std::string& path, std::uint64_t zip64_from = zip64_limit)
      : file_(path), zip64_from_(zip64_from) {}

  /// An entry made of the pieces in a row. ValueError for a name that a reader would refuse.
  void add(std::string_view name, const std::vector<Bytes>& pieces);
  void add(std::string_view name, std::string_view text) { add(name, std::vector<Bytes>{as_bytes(text)}); }
  /// Writes the directory and moves the file into place; without it nothing is left behind.
  void finish();

 private:
  AtomicFile file_;
  std::uint64_t zip64_from_;
  std::vector<ZipEntry> entries_;
};

/// Reads and checks the whole directory; ValueError, starting with the file's name, says what is wrong.
class ZipReader {
 public:
  explicit ZipReader(Input& input);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null when there is none.
  const ZipEntry* find(std::string_view name) const;
  /// The entry's data with the checksum verified; ValueError when larger than `limit`.
  std::string read(const ZipEntry& entry, std::uint64_t limit) const;
  /// The entry's data as a stream, for which the caller verifies the checksum.
  Section open(const ZipEntry& entry) const;

 private:
  Input& input_;
  std::vector<ZipEntry> entries_;
};

}  // namespace ranvier::io
