#include "ranvier/io/safetensors.h"

#include <algorithm>
#include <bit>

#include "ranvier/io/json.h"
#include "ranvier/io/text.h"
#include "ranvier/io/zip_format.h"

namespace ranvier::io {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are written as they are in memory");

constexpr std::string_view metadata_key = "__metadata__";
constexpr std::size_t data_alignment = 64;

/// A dtype as files spell it. Half floats are read only, into float32.
struct FileType {
  std::string_view name;
  DType dtype;
  std::size_t bytes;
};
constexpr FileType file_types[] = {{"F32", DType::float32, 4}, {"F64", DType::float64, 8},  {"I32", DType::int32, 4},
                                   {"I64", DType::int64, 8},   {"BOOL", DType::boolean, 1}, {"F16", DType::float32, 2},
                                   {"BF16", DType::float32, 2}};

std::string_view file_name_of(DType dtype) {
  return std::find_if(std::begin(file_types), std::end(file_types), [&](const FileType& t) { return t.dtype == dtype; })
      ->name;
}

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 mantissa bits.
float from_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 31U;
  const std::uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0) {  // subnormal: mantissa · 2^-24, exact in float32
    const float value = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide << 23U | mantissa << 13U);
}

float from_bfloat(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }

struct Item {
  std::string name;
  const FileType* type = nullptr;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Reader {
 public:
  explicit Reader(Section& section) : section_(section) {}

  TensorFile read() {
    TensorFile file;
    std::vector<Item> items = header(file.metadata);
    std::vector<std::size_t> order(items.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(items[a].begin, items[a].end) < std::pair(items[b].begin, items[b].end);
    });
    check_layout(items, order);
    file.tensors.resize(items.size());
    for (const std::size_t i : order) file.tensors[i] = {items[i].name, data(items[i])};
    return file;
  }

 private:
  template <class... Parts>
  void require(bool condition, const Parts&... parts) const {
    check(condition, section_.name(), ": ", parts...);
  }

  std::vector<Item> header(TextMap& metadata) {
    require(section_.left() >= 8, "not a safetensors file: it has ", section_.left(), " bytes");
    const std::string prefix = section_.read_text(8);
    const std::uint64_t length = zip_format::Fields(prefix, "").u64();
    require(length <= safetensors_header_limit, "not a safetensors file: its header would have ", length,
            " bytes, expected at most ", safetensors_header_limit);
    require(length <= section_.left(), "truncated: the header needs ", length, " bytes, ", section_.left(),
            " are left");
    const std::string text = section_.read_text(static_cast<std::size_t>(length));
    require(text.starts_with('{'), "not a safetensors file: its header does not start with '{'");
    const Json json = Json::parse(text, section_.name() + ": header");
    std::vector<Item> items;
    for (const auto& [name, value] : json.as_object()) {
      try {
        if (name == metadata_key) {
          for (const auto& [key, entry] : value.as_object()) metadata.emplace_back(key, entry.as_text());
        } else {
          items.push_back(item(name, value));
        }
      } catch (const ValueError& error) {
        fail(section_.name(), ": tensor ", quoted(name), ": ", error.what());
      }
    }
    return items;
  }

  static Item item(const std::string& name, const Json& value) {
    Item item;
    item.name = name;
    const std::string type = value.text("dtype");
    for (const FileType& known : file_types) {
      if (known.name == type) item.type = &known;
    }
    check(item.type != nullptr, "has dtype ", quoted(type),
          "; ranvier reads F32, F64, I32, I64, BOOL, F16 and BF16: convert it first");
    item.shape = Shape(value.integers("shape"));
    const auto offsets = value.integers("data_offsets");
    check(offsets.size() == 2 && offsets[0] >= 0 && offsets[0] <= offsets[1],
          "expected data_offsets [begin, end] with 0 <= begin <= end");
    item.begin = static_cast<std::uint64_t>(offsets[0]);
    item.end = static_cast<std::uint64_t>(offsets[1]);
    const std::size_t bytes = checked_bytes(item.shape, item.type->bytes);
    check(bytes == item.end - item.begin, "shape ", item.shape, " of ", type, " needs ", bytes,
          " bytes, its data_offsets hold ", item.end - item.begin);
    return item;
  }

  /// The format wants the data covered from first to last byte, each byte once.
  void check_layout(const std::vector<Item>& items, const std::vector<std::size_t>& order) const {
    std::uint64_t at = 0;
    for (const std::size_t i : order) {
      const Item& item = items[i];
      require(item.begin == at, "tensor ", quoted(item.name), " begins at ", item.begin, ", expected ", at,
              item.begin < at ? " (tensors overlap)" : " (there is a hole between tensors)");
      at = item.end;
    }
    require(at <= section_.left(), "truncated: the tensors need ", at, " bytes, ", section_.left(), " are there");
    require(at == section_.left(), "the tensors need ", at, " bytes, but ", section_.left(), " are there");
  }

  Tensor data(const Item& item) {
    if (item.type->bytes == 2) return halves(item);
    Tensor y = empty(item.shape, item.type->dtype);
    auto* bytes = static_cast<std::byte*>(y.raw());
    section_.read({bytes, y.bytes()});
    if (item.type->dtype == DType::boolean) {  // any other byte would be undefined behaviour as a bool
      require(std::all_of(bytes, bytes + y.bytes(), [](std::byte b) { return b <= std::byte{1}; }), "tensor ",
              quoted(item.name), ": expected bytes 0 and 1 for BOOL");
    }
    return y;
  }

  Tensor halves(const Item& item) {
    Tensor y = empty(item.shape, DType::float32);
    std::vector<std::uint16_t> bits(static_cast<std::size_t>(y.numel()));
    section_.read(std::as_writable_bytes(std::span(bits)));
    std::transform(bits.begin(), bits.end(), y.data<float>(), item.type->name == "F16" ? from_half : from_bfloat);
    return y;
  }

  Section& section_;
};

}  // namespace

std::string safetensors_header(const NamedTensors& tensors, const TextMap& metadata, std::vector<Bytes>& pieces) {
  std::vector<std::string_view> names;
  std::vector<std::size_t> order;
  for (const auto& [name, tensor] : tensors) {
    check(name != metadata_key, "safetensors: a tensor cannot be named '", metadata_key, "'");
    check(tensor.defined(), "safetensors: tensor ", quoted(name), " has no value");
    names.push_back(name);
    order.push_back(order.size());
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail("safetensors: there are two tensors named ", quoted(*twice));
  const auto width = [&](std::size_t i) { return size_of(tensors[i].second.dtype()); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return width(a) > width(b); });

  std::vector<std::uint64_t> begin(tensors.size());
  std::uint64_t at = 0;
  for (const std::size_t i : order) {
    const Tensor& tensor = tensors[i].second;
    begin[i] = at;
    at += tensor.bytes();
    pieces.push_back({static_cast<const std::byte*>(tensor.raw()), tensor.bytes()});
  }

  Json::Object header;
  if (!metadata.empty()) {
    Json map = Json::Object();
    for (const auto& [key, value] : metadata) map.set(key, value);
    header.emplace_back(metadata_key, std::move(map));
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    const Shape& shape = tensor.shape();
    header.emplace_back(name, Json::Object{{"dtype", file_name_of(tensor.dtype())},
                                           {"shape", Json::Array(shape.begin(), shape.end())},
                                           {"data_offsets", Json::Array{begin[i], begin[i] + tensor.bytes()}}});
  }
  std::string text = Json(std::move(header)).dump();
  const std::size_t end = 8 + text.size();
  text.append((data_alignment - end % data_alignment) % data_alignment, ' ');  // the format allows spaces here
  check(text.size() <= safetensors_header_limit, "safetensors: the header has ", text.size(),
        " bytes, the format allows ", safetensors_header_limit, "; store fewer tensors in one file");
  std::string out;
  zip_format::put(out, 8, text.size());
  return out + text;
}

std::string write_safetensors(const NamedTensors& tensors, const TextMap& metadata) {
  std::vector<Bytes> pieces;
  std::string out = safetensors_header(tensors, metadata, pieces);
  for (const Bytes piece : pieces) {
    if (!piece.empty()) out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  return out;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, const TextMap& metadata) {
  std::vector<Bytes> pieces;
  const std::string header = safetensors_header(tensors, metadata, pieces);
  AtomicFile file(path);
  file.write(header);
  for (const Bytes piece : pieces) file.write(piece);
  file.commit();
}

TensorFile read_safetensors(Section& section) {
  check<StateError>(Program::recording() == nullptr, "read_safetensors: not possible while a program records");
  return Reader(section).read();
}

TensorFile read_safetensors(Bytes bytes, const std::string& name) {
  const auto input = open_memory(bytes, name);
  Section section(*input, name, 0, input->size());
  return read_safetensors(section);
}

TensorFile load_safetensors(const std::string& path) {
  const auto input = open_file(path);
  Section section(*input, input->name(), 0, input->size());
  return read_safetensors(section);
}

}  // namespace ranvier::io
