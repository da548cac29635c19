#include "ranvier/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

#include "ranvier/core/check.h"
#include "ranvier/io/text.h"

namespace ranvier::io {
namespace {

/// Calls f again while a signal interrupts it.
template <class F>
auto retry(F&& f) {
  for (;;) {
    const auto result = f();
    if (result >= 0 || errno != EINTR) return result;
  }
}

class FileInput final : public Input {
 public:
  FileInput(const std::string& path, std::uint64_t size, int descriptor)
      : Input(printable(path), size), path_(path), descriptor_(descriptor) {}
  ~FileInput() override { ::close(descriptor_); }
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;

 private:
  void do_read(std::uint64_t offset, std::span<std::byte> into) override {
    while (!into.empty()) {
      const auto got =
          retry([&] { return ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset)); });
      if (got < 0) throw FileError(path_, "cannot read", errno);
      check(got > 0, name(), ": truncated while it was read");
      into = into.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
  }

  std::string path_;
  int descriptor_;
};

class MemoryInput final : public Input {
 public:
  MemoryInput(Bytes bytes, std::string name) : Input(std::move(name), bytes.size()), bytes_(bytes) {}

 private:
  void do_read(std::uint64_t offset, std::span<std::byte> into) override {
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
  }

  Bytes bytes_;
};

/// Where the bytes go: behind a symbolic link the file it names, else `path` itself.
std::string resolve(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return path;
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) throw FileError(path, "cannot follow the symbolic link", errno);
  std::string target(resolved);
  std::free(resolved);
  return target;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

FileError::FileError(std::string path, const char* action, int code)
    : std::runtime_error(printable(path) + ": " + action + ": " + std::generic_category().message(code)),
      path_(std::move(path)),
      code_(code) {}

void Input::read_at(std::uint64_t offset, std::span<std::byte> into) {
  check(offset <= size_ && into.size() <= size_ - offset, name_, ": truncated: expected ", into.size(),
        " bytes at offset ", offset, ", the file has ", size_);
  if (!into.empty()) do_read(offset, into);
}

std::string Input::read_text(std::uint64_t offset, std::size_t length) {
  check(offset <= size_ && length <= size_ - offset, name_, ": truncated: expected ", length, " bytes at offset ",
        offset, ", the file has ", size_);  // before memory is asked for
  std::string text(length, '\0');
  read_at(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

std::unique_ptr<Input> open_file(const std::string& path) {
  check(path.find('\0') == std::string::npos, printable(path), ": expected a path without a null byte");
  // O_NONBLOCK: a named pipe must not make us wait; it is turned away below.
  const int descriptor = retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (descriptor < 0) throw FileError(path, "cannot open", errno);
  struct stat info {};
  int code = ::fstat(descriptor, &info) == 0 ? 0 : errno;
  if (code == 0 && !S_ISREG(info.st_mode)) code = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
  if (code != 0) {
    ::close(descriptor);
    throw FileError(path, "cannot read as a file", code);
  }
  return std::make_unique<FileInput>(path, static_cast<std::uint64_t>(info.st_size), descriptor);
}

std::unique_ptr<Input> open_memory(Bytes bytes, std::string name) {
  return std::make_unique<MemoryInput>(bytes, std::move(name));
}

Section::Section(Input& input, std::string name, std::uint64_t offset, std::uint64_t size)
    : input_(input), name_(std::move(name)), offset_(offset), size_(size) {}

void Section::read(std::span<std::byte> into) {
  check(into.size() <= left(), name_, ": truncated: expected ", into.size(), " bytes at ", done_, " of ", size_);
  // In pieces that are still in the cache when they are summed.
  constexpr std::size_t piece = std::size_t{1} << 18U;
  while (!into.empty()) {
    const auto part = into.first(std::min(piece, into.size()));
    input_.read_at(offset_ + done_, part);
    crc_ = crc32(part, crc_);
    done_ += part.size();
    into = into.subspan(part.size());
  }
}

std::string Section::read_text(std::size_t length) {
  check(length <= left(), name_, ": truncated: expected ", length, " bytes at ", done_, " of ", size_);
  std::string text(length, '\0');
  read(std::as_writable_bytes(std::span(text)));
  return text;
}

void Section::verify(std::uint32_t crc) {
  std::vector<std::byte> rest(static_cast<std::size_t>(std::min<std::uint64_t>(left(), std::uint64_t{1} << 18U)));
  while (left() > 0) {
    read(std::span(rest).first(static_cast<std::size_t>(std::min<std::uint64_t>(left(), rest.size()))));
  }
  check(crc_ == crc, input_.name(), ": corrupted: the checksum of ", name_, " differs");
}

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  check(!path.empty() && path.find('\0') == std::string::npos, "expected a path to write to, received ", quoted(path));
  target_ = resolve(path);
  struct stat old {};
  const bool exists = ::stat(target_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {  // renaming onto /dev/null would replace it
    throw FileError(path, "cannot write, it is not a file", S_ISDIR(old.st_mode) ? EISDIR : EINVAL);
  }
  static std::atomic<unsigned> counter{0};
  do {
    temporary_ = concat_text(folder_of(target_), "/.ranvier-", ::getpid(), '-', counter++, ".tmp");
    descriptor_ = retry([&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) throw FileError(path, "cannot write in its folder", errno);
  if (exists) (void)::fchmod(descriptor_, old.st_mode & 07777U);  // where permissions cannot be set, the default stays
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::refuse(const char* action, int code) {
  discard();
  throw FileError(path_, action, code);
}

void AtomicFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const auto put = retry([&] { return ::write(descriptor_, bytes.data(), bytes.size()); });
    if (put < 0) refuse("cannot write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    written_ += static_cast<std::uint64_t>(put);
  }
}

void AtomicFile::commit() {
  check<StateError>(descriptor_ >= 0, "AtomicFile: commit() after it was committed or failed");
  if (retry([&] { return ::fsync(descriptor_); }) != 0) refuse("cannot write to the disk", errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0 && errno != EINTR) refuse("cannot write", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) refuse("cannot move the new file into place", errno);
  temporary_.clear();
  // The name, too, should survive a power cut. The file is in place already, so a folder that cannot be synced (no read
  // permission, some network file systems) is no failure.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)::fsync(folder);
    ::close(folder);
  }
}

void write_file_atomic(const std::string& path, Bytes bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

std::string read_file(const std::string& path, std::uint64_t limit) {
  const auto input = open_file(path);
  check(input->size() <= limit, input->name(), ": expected at most ", limit, " bytes, the file has ", input->size());
  return input->read_text(0, static_cast<std::size_t>(input->size()));
}

}  // namespace ranvier::io
