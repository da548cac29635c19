#include "ranvier/io/archive.h"

#include <algorithm>

#include "ranvier/io/text.h"
#include "ranvier/io/zip.h"

namespace ranvier::io {
namespace {

constexpr std::string_view json_ending = ".json";
constexpr std::string_view tensors_ending = ".safetensors";
constexpr std::uint64_t json_limit = std::uint64_t{64} << 20U;
constexpr std::size_t entries_limit = 1000;  // looked up one by one, so a hostile file must not bring a million

Json stamped(const Archive& archive) {
  Json metadata = Json::Object{
      {"format", "ranvier"}, {"format_version", Archive::format_version}, {"ranvier_version", RANVIER_VERSION}};
  if (archive.has(Archive::metadata_name)) {
    for (const auto& [key, value] : archive.json(Archive::metadata_name).as_object()) {
      if (!metadata.contains(key)) metadata.set(key, value);
    }
  }
  return metadata;
}

void check_metadata(const Json& metadata, const std::string& source) {
  const bool ours = metadata.is_object() && metadata.contains("format") && metadata.at("format") == Json("ranvier");
  check(ours, source, ": not a ranvier file (its metadata.json does not say format 'ranvier')");
  const Json* version = metadata.find("format_version");
  check(version != nullptr && version->is_integer() && version->as_integer() >= 1, source,
        ": corrupted: metadata.json holds no format_version");
  check(version->as_integer() <= Archive::format_version, source, ": written by a newer ranvier (format ",
        version->as_integer(), ", this version reads up to ", Archive::format_version, "); upgrade ranvier");
}

Json read_json(const ZipReader& zip, const ZipEntry& entry, const std::string& source) {
  return Json::parse(zip.read(entry, json_limit), source + ": " + printable(entry.name));
}

NamedTensors read_tensors(const ZipReader& zip, const ZipEntry& entry, const std::string& source) {
  Section section = zip.open(entry);
  try {
    NamedTensors tensors = read_safetensors(section).tensors;
    section.verify(entry.crc);
    return tensors;
  } catch (const ValueError& error) {
    section.verify(entry.crc);  // a damaged file is called damaged, whatever the damage looked like
    fail(source, ": ", error.what());
  }
}

}  // namespace

void Archive::add_entry(const std::string& name, std::string_view ending, Entry entry) {
  check(name.ends_with(ending) && name.size() > ending.size(), source_, ": expected an entry name ending in ", ending,
        ", received ", quoted(name));
  check(!has(name), source_, ": there is an entry ", quoted(name), " already");
  entries_.emplace_back(name, std::move(entry));
}

void Archive::add(const std::string& name, Json value) { add_entry(name, json_ending, std::move(value)); }
void Archive::add(const std::string& name, NamedTensors tensors) {
  add_entry(name, tensors_ending, std::move(tensors));
}

bool Archive::has(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == name; });
}

const Archive::Entry& Archive::entry(std::string_view name) const {
  for (const auto& [key, entry] : entries_) {
    if (key == name) return entry;
  }
  std::string found;
  for (const std::string& key : names()) found += (found.empty() ? "" : ", ") + printable(key);
  fail(source_, ": expected an entry ", quoted(name), ", found: ", found.empty() ? "none" : found);
}

const Json& Archive::json(std::string_view name) const {
  const auto* value = std::get_if<Json>(&entry(name));
  check(value != nullptr, source_, ": entry ", quoted(name), " holds tensors, expected JSON");
  return *value;
}

const NamedTensors& Archive::tensors(std::string_view name) const {
  const auto* value = std::get_if<NamedTensors>(&entry(name));
  check(value != nullptr, source_, ": entry ", quoted(name), " holds JSON, expected tensors");
  return *value;
}

std::vector<std::string> Archive::names() const {
  std::vector<std::string> names;
  for (const auto& entry : entries_) names.push_back(entry.first);
  return names;
}

void write_archive(const std::string& path, const Archive& archive) {
  ZipWriter zip(path);
  zip.add(Archive::metadata_name, stamped(archive).dump(2) + "\n");
  for (const std::string& name : archive.names()) {
    if (name == Archive::metadata_name) continue;
    if (archive.is_json(name)) {
      zip.add(name, archive.json(name).dump(2) + "\n");
    } else {
      std::vector<Bytes> data;
      const std::string header = safetensors_header(archive.tensors(name), {}, data);
      std::vector<Bytes> pieces{as_bytes(header)};
      pieces.insert(pieces.end(), data.begin(), data.end());
      zip.add(name, pieces);
    }
  }
  zip.finish();
}

Archive read_archive(const std::string& path) {
  const auto input = open_file(path);
  return read_archive(*input);
}

Archive read_archive(Input& input) {
  const ZipReader zip(input);
  check(zip.entries().size() <= entries_limit, input.name(), ": the archive has ", zip.entries().size(),
        " entries, expected at most ", entries_limit);
  Archive archive;
  archive.source_ = input.name();
  const ZipEntry* metadata = zip.find(Archive::metadata_name);
  check(metadata != nullptr, input.name(), ": not a ranvier file (a zip archive without metadata.json)");
  // First of all: a newer format may hold anything else.
  check_metadata(read_json(zip, *metadata, input.name()), input.name());
  for (const ZipEntry& entry : zip.entries()) {
    if (entry.name.ends_with(json_ending)) {
      archive.add(entry.name, read_json(zip, entry, input.name()));
    } else if (entry.name.ends_with(tensors_ending)) {
      archive.add(entry.name, read_tensors(zip, entry, input.name()));
    }
  }
  return archive;
}

}  // namespace ranvier::io
