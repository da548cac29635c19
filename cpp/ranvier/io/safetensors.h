// The safetensors format (github.com/huggingface/safetensors): the length of a JSON header as 8 little-endian bytes,
// the header {"name": {"dtype", "shape", "data_offsets"}, ..., "__metadata__": {text: text}}, then the tensors' bytes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/io/file.h"

namespace ranvier::io {

using NamedTensor = std::pair<std::string, Tensor>;
using NamedTensors = std::vector<NamedTensor>;
using TextMap = std::vector<std::pair<std::string, std::string>>;

struct TensorFile {
  NamedTensors tensors;
  TextMap metadata;
};

constexpr std::uint64_t safetensors_header_limit = 100'000'000;  // the format's own

/// Length and header of a file with these tensors; afterwards `pieces` holds the data to be written behind it (views of
/// the tensors' memory). Data start at a multiple of 64 bytes; wide dtypes come first, so that every tensor is aligned
/// to its item. ValueError for duplicate names, the name "__metadata__", undefined tensors, text that is not UTF-8.
std::string safetensors_header(const NamedTensors& tensors, const TextMap& metadata, std::vector<Bytes>& pieces);

/// The whole file as one string of bytes.
std::string write_safetensors(const NamedTensors& tensors, const TextMap& metadata = {});
void save_safetensors(const std::string& path, const NamedTensors& tensors, const TextMap& metadata = {});

/// Reads to the end of `section`; tensors are in the header's order, in memory of their own. float16 and bfloat16
/// become float32. ValueError, starting with the section's name, when anything disagrees with the format.
TensorFile read_safetensors(Section& section);
TensorFile read_safetensors(Bytes bytes, const std::string& name = "safetensors");
TensorFile load_safetensors(const std::string& path);

}  // namespace ranvier::io
