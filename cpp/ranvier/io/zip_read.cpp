// Reading a zip whose every number may be wrong: nothing is allocated or followed before it has been compared with the
// size of the file.
#include <algorithm>
#include <vector>

#include "ranvier/io/text.h"
#include "ranvier/io/zip.h"
#include "ranvier/io/zip_format.h"

namespace ranvier::io {
namespace {

using zip_format::Fields;

constexpr std::uint64_t directory_limit = std::uint64_t{16} << 20U;

struct Directory {
  std::uint64_t count = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint64_t end = 0;  ///< where the record after the directory starts
};

class DirectoryReader {
 public:
  explicit DirectoryReader(Input& input)
      : input_(input), short_(input.name() + ": corrupted: a zip record is too short") {}

  std::vector<ZipEntry> read() {
    const Directory directory = locate();
    require(directory.offset <= directory.end && directory.size == directory.end - directory.offset,
            "corrupted: the zip directory is not where the end of the file says");
    require(directory.size <= directory_limit, "the zip directory has ", directory.size, " bytes, expected at most ",
            directory_limit);
    require(directory.count <= directory.size / zip_format::central_bytes, "corrupted: a zip directory of ",
            directory.size, " bytes cannot hold ", directory.count, " entries");
    const std::string text = input_.read_text(directory.offset, static_cast<std::size_t>(directory.size));
    Fields fields(text, short_);
    std::vector<ZipEntry> entries;
    for (std::uint64_t i = 0; i < directory.count; ++i) {
      entries.push_back(central(fields));
      follow_to_data(entries.back(), directory.offset);
    }
    require(fields.done(), "corrupted: the zip directory has more bytes than entries");
    check_names(entries);
    check_overlap(entries);
    return entries;
  }

 private:
  template <class... Parts>
  void require(bool condition, const Parts&... parts) const {
    check(condition, input_.name(), ": ", parts...);
  }

  // The end record is followed by a comment of up to 65,535 bytes, so it is searched for from the back.
  Directory locate() const {
    const std::uint64_t size = input_.size();
    require(size > 0, "not a ranvier file (it is empty)");
    const std::uint64_t tail = std::min<std::uint64_t>(size, zip_format::end_bytes + 0xFFFF);
    const std::string text = input_.read_text(size - tail, static_cast<std::size_t>(tail));
    std::string signature;
    zip_format::put(signature, 4, zip_format::end_signature);
    std::size_t at = text.size();
    while (at > 0 && (at = text.rfind(signature, at - 1)) != std::string::npos) {
      Fields fields(std::string_view(text).substr(at), short_);
      if (text.size() - at < zip_format::end_bytes) continue;
      fields.skip(zip_format::end_bytes - 2);
      if (fields.u16() == text.size() - at - zip_format::end_bytes) {
        return end_record(std::string_view(text).substr(at), size - tail + at);
      }
    }
    std::string local;
    zip_format::put(local, 4, zip_format::local_signature);
    const bool begun = input_.read_text(0, static_cast<std::size_t>(std::min<std::uint64_t>(size, 4))) == local;
    fail(input_.name(), begun ? ": truncated: the zip directory at the end of the file is missing"
                              : ": not a ranvier file (no zip directory found)");
  }

  Directory end_record(std::string_view record, std::uint64_t at) const {
    Fields fields(record, short_);
    fields.skip(4);
    const std::uint32_t disk = fields.u16();
    const std::uint32_t first_disk = fields.u16();
    const std::uint64_t here = fields.u16();
    Directory directory;
    directory.count = fields.u16();
    directory.size = fields.u32();
    directory.offset = fields.u32();
    directory.end = at;
    if (at >= zip_format::locator_bytes) {
      const std::string locator = input_.read_text(at - zip_format::locator_bytes, zip_format::locator_bytes);
      Fields link(locator, short_);
      if (link.u32() == zip_format::locator_signature) return end64_record(link, at - zip_format::locator_bytes);
    }
    check_disks(disk, first_disk, here, directory.count);
    return directory;
  }

  Directory end64_record(Fields& link, std::uint64_t locator_at) const {
    const std::uint32_t link_disk = link.u32();
    const std::uint64_t at = link.u64();
    check_disks(link_disk, 0, 0, 0);
    require(at <= locator_at && locator_at - at >= zip_format::end64_bytes,
            "corrupted: the zip64 end record is not where its locator says");
    const std::string record = input_.read_text(at, zip_format::end64_bytes);
    Fields fields(record, short_);
    require(fields.u32() == zip_format::end64_signature, "corrupted: the zip64 end record is missing");
    require(fields.u64() == locator_at - at - 12, "corrupted: the zip64 end record has a wrong length");
    fields.skip(4);  // versions
    const std::uint32_t disk = fields.u32();
    const std::uint32_t first_disk = fields.u32();
    const std::uint64_t here = fields.u64();
    Directory directory;
    directory.count = fields.u64();
    directory.size = fields.u64();
    directory.offset = fields.u64();
    directory.end = at;
    check_disks(disk, first_disk, here, directory.count);
    return directory;
  }

  void check_disks(std::uint32_t disk, std::uint32_t first_disk, std::uint64_t here, std::uint64_t count) const {
    require(disk == 0 && first_disk == 0 && here == count,
            "the zip archive is split over several disks; join it first");
  }

  ZipEntry central(Fields& fields) const {
    require(fields.u32() == zip_format::central_signature, "corrupted: a zip directory entry has a wrong signature");
    fields.skip(4);  // versions
    const std::uint32_t flags = fields.u16();
    const std::uint32_t method = fields.u16();
    fields.skip(4);  // time and date
    ZipEntry entry;
    entry.crc = fields.u32();
    std::uint64_t stored = fields.u32();
    entry.size = fields.u32();
    const std::size_t name_length = fields.u16();
    const std::size_t extra_length = fields.u16();
    const std::size_t comment_length = fields.u16();
    std::uint32_t disk = fields.u16();
    fields.skip(6);  // attributes
    entry.header = fields.u32();
    entry.name = fields.take(name_length);
    const std::string_view extra = fields.take(extra_length);
    fields.skip(comment_length);

    const std::string name = quoted(entry.name);
    if (const char* fault = zip_format::name_fault(entry.name)) {
      fail(input_.name(), ": refused: the name of entry ", name, " is not safe: ", fault);
    }
    require((flags & zip_format::flag_encrypted) == 0, "entry ", name,
            " is encrypted; ranvier reads plain entries only");
    require(method == 0, "entry ", name, " is compressed (method ", method,
            "); ranvier reads stored entries only: pack it again with zip -0");
    read_zip64(extra, entry, stored, disk);
    check_disks(disk, 0, 0, 0);
    require(stored == entry.size, "corrupted: entry ", name, " is stored, but has the sizes ", stored, " and ",
            entry.size);
    return entry;
  }

  // The values that are masked in the record follow in this order, and only they.
  void read_zip64(std::string_view extra, ZipEntry& entry, std::uint64_t& stored, std::uint32_t& disk) const {
    Fields fields(extra, short_);
    while (!fields.done()) {
      const std::uint32_t id = fields.u16();
      Fields field(fields.take(fields.u16()), short_);
      if (id != zip_format::zip64_extra) continue;
      if (entry.size == zip_format::masked32) entry.size = field.u64();
      if (stored == zip_format::masked32) stored = field.u64();
      if (entry.header == zip_format::masked32) entry.header = field.u64();
      if (disk == zip_format::masked16) disk = field.u32();
      return;
    }
  }

  /// Finds the data behind the local header and checks that both agree and fit in front of the directory.
  void follow_to_data(ZipEntry& entry, std::uint64_t directory) const {
    const std::string name = quoted(entry.name);
    require(entry.header <= directory && directory - entry.header >= zip_format::local_bytes, "truncated: entry ", name,
            " starts at offset ", entry.header, ", the file has ", input_.size());
    const std::string record = input_.read_text(entry.header, zip_format::local_bytes);
    Fields fields(record, short_);
    require(fields.u32() == zip_format::local_signature, "corrupted: entry ", name, " has no header at offset ",
            entry.header);
    fields.skip(2);  // version
    const std::uint32_t flags = fields.u16();
    const std::uint32_t method = fields.u16();
    fields.skip(4);  // time and date
    const std::uint32_t crc = fields.u32();
    const std::uint64_t stored = fields.u32();
    const std::uint64_t size = fields.u32();
    const std::uint64_t name_length = fields.u16();
    const std::uint64_t extra_length = fields.u16();
    entry.offset = entry.header + zip_format::local_bytes + name_length + extra_length;
    require(entry.offset <= directory && entry.size <= directory - entry.offset, "truncated: entry ", name, " needs ",
            entry.size, " bytes at offset ", entry.offset, ", the file has ", input_.size(),
            " with its directory at offset ", directory);
    const bool same_name = name_length == entry.name.size() &&
                           input_.read_text(entry.header + zip_format::local_bytes, entry.name.size()) == entry.name;
    const bool later = (flags & zip_format::flag_descriptor) != 0;
    const auto agrees = [&](std::uint64_t value) { return value == entry.size || value == zip_format::masked32; };
    require(same_name && method == 0 && (later || (crc == entry.crc && agrees(stored) && agrees(size))),
            "corrupted: entry ", name, " differs between its header and the zip directory");
  }

  void check_names(const std::vector<ZipEntry>& entries) const {
    std::vector<std::string_view> names;
    for (const ZipEntry& entry : entries) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) fail(input_.name(), ": corrupted: entry ", quoted(*twice), " is there twice");
  }

  void check_overlap(const std::vector<ZipEntry>& entries) const {
    std::vector<const ZipEntry*> order;
    for (const ZipEntry& entry : entries) order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->header < b->header; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      require(order[i]->header >= order[i - 1]->offset + order[i - 1]->size, "corrupted: the entries ",
              quoted(order[i - 1]->name), " and ", quoted(order[i]->name), " overlap");
    }
  }

  Input& input_;
  std::string short_;
};

}  // namespace

ZipReader::ZipReader(Input& input) : input_(input), entries_(DirectoryReader(input).read()) {}

const ZipEntry* ZipReader::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const ZipEntry& e) { return e.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

Section ZipReader::open(const ZipEntry& entry) const {
  return Section(input_, printable(entry.name), entry.offset, entry.size);
}

std::string ZipReader::read(const ZipEntry& entry, std::uint64_t limit) const {
  check(entry.size <= limit, input_.name(), ": entry ", quoted(entry.name), " has ", entry.size,
        " bytes, expected at most ", limit);
  Section section = open(entry);
  std::string text = section.read_text(static_cast<std::size_t>(entry.size));
  section.verify(entry.crc);
  return text;
}

}  // namespace ranvier::io
