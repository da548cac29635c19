#include <algorithm>

#include "ranvier/io/text.h"
#include "ranvier/io/zip.h"
#include "ranvier/io/zip_format.h"

namespace ranvier::io {

using zip_format::put;

const char* zip_format::name_fault(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > 0xFFFF) return "it is too long";
  if (!is_utf8(name)) return "it is not UTF-8";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "it has control characters";
    if (c == '\\' || c == ':') return "it is not a plain relative path";
  }
  if (name.front() == '/') return "it is an absolute path";
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == "..") return "it is not a plain relative path";
    name.remove_prefix(std::min(part.size() + 1, name.size()));
  }
  return nullptr;
}

namespace {

constexpr std::uint64_t dos_date = 0x21;  // 1980-01-01, the first day the format knows
constexpr std::uint64_t unix_3_0 = 3U << 8U | 30U;

std::uint64_t version_needed(bool zip64) { return zip64 ? 45 : 20; }

std::uint64_t flags_of(const std::string& name) {
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) return zip_format::flag_utf8;
  }
  return 0;
}

/// What local and central header share, from "flags" to "size".
void put_common(std::string& out, const ZipEntry& entry, bool zip64) {
  const std::uint64_t size = zip64 ? zip_format::masked32 : entry.size;
  put(out, 2, flags_of(entry.name));
  put(out, 2, 0);  // method: stored
  put(out, 2, 0);  // time
  put(out, 2, dos_date);
  put(out, 4, entry.crc);
  put(out, 4, size);  // compressed
  put(out, 4, size);
}

std::string local_header(ZipEntry& entry, bool zip64) {
  std::string extra;
  if (zip64) {
    put(extra, 2, zip_format::zip64_extra);
    put(extra, 2, 16);
    put(extra, 8, entry.size);
    put(extra, 8, entry.size);
  }
  const std::uint64_t start = entry.header + zip_format::local_bytes + entry.name.size() + extra.size();
  std::uint64_t gap = (ZipWriter::alignment - start % ZipWriter::alignment) % ZipWriter::alignment;
  if (gap > 0) {
    if (gap < 6) gap += ZipWriter::alignment;  // the field itself takes six bytes
    put(extra, 2, zip_format::alignment_extra);
    put(extra, 2, gap - 4);
    put(extra, 2, ZipWriter::alignment);
    extra.append(static_cast<std::size_t>(gap - 6), '\0');
  }
  entry.offset = start + gap;

  std::string out;
  put(out, 4, zip_format::local_signature);
  put(out, 2, version_needed(zip64));
  put_common(out, entry, zip64);
  put(out, 2, entry.name.size());
  put(out, 2, extra.size());
  return out + entry.name + extra;
}

void put_central(std::string& out, const ZipEntry& entry, std::uint64_t zip64_from) {
  const bool big = entry.size >= zip64_from;
  const bool far = entry.header >= zip64_from;
  std::string extra;
  if (big || far) {
    put(extra, 2, zip_format::zip64_extra);
    put(extra, 2, (big ? 16U : 0U) + (far ? 8U : 0U));
    if (big) put(extra, 8, entry.size);
    if (big) put(extra, 8, entry.size);
    if (far) put(extra, 8, entry.header);
  }
  put(out, 4, zip_format::central_signature);
  put(out, 2, unix_3_0);  // made by; gives the attributes below their meaning
  put(out, 2, version_needed(big || far));
  put_common(out, entry, big);
  put(out, 2, entry.name.size());
  put(out, 2, extra.size());
  put(out, 2, 0);                              // comment
  put(out, 2, 0);                              // disk
  put(out, 2, 0);                              // internal attributes
  put(out, 4, std::uint64_t{0100644} << 16U);  // a plain file, rw-r--r--
  put(out, 4, far ? zip_format::masked32 : entry.header);
  out += entry.name;
  out += extra;
}

}  // namespace

void ZipWriter::add(std::string_view name, const std::vector<Bytes>& pieces) {
  if (const char* fault = zip_format::name_fault(name)) fail("zip: cannot write an entry ", quoted(name), ": ", fault);
  for (const ZipEntry& entry : entries_) check(entry.name != name, "zip: there is an entry ", quoted(name), " already");
  ZipEntry entry;
  entry.name = name;
  entry.header = file_.written();
  for (const Bytes piece : pieces) {
    entry.size += piece.size();
    entry.crc = crc32(piece, entry.crc);
  }
  file_.write(local_header(entry, entry.size >= zip64_from_));
  for (const Bytes piece : pieces) file_.write(piece);
  entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
  const std::uint64_t start = file_.written();
  std::string out;
  for (const ZipEntry& entry : entries_) put_central(out, entry, zip64_from_);
  const std::uint64_t size = out.size();
  const std::uint64_t count = entries_.size();
  const bool zip64 = count >= zip_format::masked16 || size >= zip64_from_ || start >= zip64_from_;
  if (zip64) {
    put(out, 4, zip_format::end64_signature);
    put(out, 8, zip_format::end64_bytes - 12);
    put(out, 2, unix_3_0);
    put(out, 2, version_needed(true));
    put(out, 4, 0);  // this disk
    put(out, 4, 0);  // disk of the directory
    put(out, 8, count);
    put(out, 8, count);
    put(out, 8, size);
    put(out, 8, start);
    put(out, 4, zip_format::locator_signature);
    put(out, 4, 0);  // disk of the record above
    put(out, 8, start + size);
    put(out, 4, 1);  // disks
  }
  put(out, 4, zip_format::end_signature);
  put(out, 2, 0);
  put(out, 2, 0);
  put(out, 2, zip64 ? zip_format::masked16 : count);
  put(out, 2, zip64 ? zip_format::masked16 : count);
  put(out, 4, zip64 ? zip_format::masked32 : size);
  put(out, 4, zip64 ? zip_format::masked32 : start);
  put(out, 2, 0);  // comment
  file_.write(out);
  file_.commit();
}

}  // namespace ranvier::io
