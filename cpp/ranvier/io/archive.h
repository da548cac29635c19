// The .rv file: a stored zip of JSON entries and groups of tensors in the safetensors format. No code, no pickle.
//
//   metadata.json         {"format": "ranvier", "format_version": 1, "ranvier_version": "0.1.0", ...}
//   config.json           the model's configuration
//   weights.safetensors   its weights; optimizer.safetensors, state.json and others may follow
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ranvier/io/json.h"
#include "ranvier/io/safetensors.h"

namespace ranvier::io {

class Archive {
 public:
  static constexpr std::int64_t format_version = 1;
  static constexpr std::string_view metadata_name = "metadata.json";

  /// Adds an entry; ValueError unless the name ends in .json or .safetensors, respectively, and is new.
  void add(const std::string& name, Json value);
  void add(const std::string& name, NamedTensors tensors);

  bool has(std::string_view name) const;
  /// True for JSON, false for tensors; ValueError when there is no such entry.
  bool is_json(std::string_view name) const { return std::holds_alternative<Json>(entry(name)); }
  /// ValueError with the entries there are when this one is missing or of the other kind.
  const Json& json(std::string_view name) const;
  const NamedTensors& tensors(std::string_view name) const;
  std::vector<std::string> names() const;

 private:
  friend Archive read_archive(Input& input);
  using Entry = std::variant<Json, NamedTensors>;
  void add_entry(const std::string& name, std::string_view ending, Entry entry);
  const Entry& entry(std::string_view name) const;

  std::string source_ = "archive";  ///< begins error messages: the path it was read from
  std::vector<std::pair<std::string, Entry>> entries_;
};

/// Writes the file atomically: after an error what was at `path` is untouched. metadata.json comes first; what the
/// archive holds under that name is kept beside the fields above.
void write_archive(const std::string& path, const Archive& archive);

/// Reads every .json and .safetensors entry with checksums verified and leaves others aside. ValueError starting with
/// the path says what is wrong with a foreign, truncated, corrupted, oversized or too new file; FileError when the
/// system does not let us read.
Archive read_archive(const std::string& path);
Archive read_archive(Input& input);

}  // namespace ranvier::io
