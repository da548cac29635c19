// Files: read at any offset, written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ranvier::io {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// The system refused: "m.rv: cannot open: No such file or directory". Becomes Python's OSError of that errno.
class FileError : public std::runtime_error {
 public:
  FileError(std::string path, const char* action, int code);
  const std::string& path() const { return path_; }
  int code() const { return code_; }

 private:
  std::string path_;
  int code_;
};

/// Bytes of known length that are read at any offset: a file, or memory.
class Input {
 public:
  virtual ~Input() = default;
  /// Fills `into`; ValueError when the bytes are not there.
  void read_at(std::uint64_t offset, std::span<std::byte> into);
  std::string read_text(std::uint64_t offset, std::size_t length);
  std::uint64_t size() const { return size_; }
  /// What error messages call it: the path, fit to be printed.
  const std::string& name() const { return name_; }

 protected:
  Input(std::string name, std::uint64_t size) : name_(std::move(name)), size_(size) {}
  virtual void do_read(std::uint64_t offset, std::span<std::byte> into) = 0;

 private:
  std::string name_;
  std::uint64_t size_;
};

/// FileError when it cannot be opened or is no regular file. Read with system calls, never mapped: a file that somebody
/// cuts short meanwhile is an error, not a crash.
std::unique_ptr<Input> open_file(const std::string& path);
/// `bytes` must outlive the input.
std::unique_ptr<Input> open_memory(Bytes bytes, std::string name);

/// A run of bytes of an Input read from front to back, with the CRC-32 of what has been read.
class Section {
 public:
  Section(Input& input, std::string name, std::uint64_t offset, std::uint64_t size);
  void read(std::span<std::byte> into);
  std::string read_text(std::size_t length);
  /// Reads the rest and compares the checksum of the whole; ValueError when it differs.
  void verify(std::uint32_t crc);
  std::uint64_t size() const { return size_; }
  std::uint64_t left() const { return size_ - done_; }
  const std::string& name() const { return name_; }

 private:
  Input& input_;
  std::string name_;
  std::uint64_t offset_;
  std::uint64_t size_;
  std::uint64_t done_ = 0;
  std::uint32_t crc_ = 0;
};

/// Writes to a temporary file in the folder of `path`; commit() makes it durable and moves it into place in one step.
/// Without commit() nothing remains and what was at `path` is untouched. A symbolic link keeps pointing where it did.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(Bytes bytes);
  void write(std::string_view text) { write(as_bytes(text)); }
  std::uint64_t written() const { return written_; }
  const std::string& path() const { return path_; }
  void commit();

 private:
  [[noreturn]] void refuse(const char* action, int code);
  void discard() noexcept;

  std::string path_;
  std::string target_;
  std::string temporary_;
  int descriptor_ = -1;
  std::uint64_t written_ = 0;
};

void write_file_atomic(const std::string& path, Bytes bytes);
/// The whole file; ValueError when it has more than `limit` bytes.
std::string read_file(const std::string& path, std::uint64_t limit);

/// CRC-32 as zip and PNG use it (polynomial 0xEDB88320); `crc` continues an earlier call.
std::uint32_t crc32(Bytes bytes, std::uint32_t crc = 0);

}  // namespace ranvier::io
