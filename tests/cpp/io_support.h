// What the tests of files share: a temporary folder, bytes changed in place, tensors compared.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/io/safetensors.h"
#include "ranvier/io/zip_format.h"

namespace ranvier::testing {

/// A folder that is gone with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ranvier-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

inline void write_plain(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// `bytes` with the little-endian number at `at` replaced.
inline std::string patched(std::string bytes, std::size_t at, int width, std::uint64_t value) {
  std::string number;
  io::zip_format::put(number, width, value);
  return bytes.replace(at, number.size(), number);
}

inline std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

template <class T>
Tensor tensor(std::vector<T> values, const Shape& shape) {
  return from_values(std::span<const T>(values), shape);
}

/// Same dtype, shape and bytes.
inline bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

inline bool same(const io::NamedTensors& a, const io::NamedTensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}

inline io::NamedTensors some_tensors() {
  const bool flags[] = {true, false, true};
  return {{"dense/kernel", tensor<float>({1.5F, -2.0F, 0.0F, 3.25F, 1e-40F, 7.0F}, {2, 3})},
          {"mask", from_values(std::span<const bool>(flags), {3})},
          {"seed", tensor<std::int64_t>({-1, std::int64_t{1} << 40}, {2})},
          {"scale", tensor<double>({0.1}, {})},
          {"empty", empty({0, 4}, DType::float32)},
          {"caf\xC3\xA9 \"1\"", tensor<std::int32_t>({7, -8, 9}, {1, 3, 1})}};
}

}  // namespace ranvier::testing
