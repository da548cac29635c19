// CRC-32, sixteen bytes a step ("slicing", Kounavis and Berry 2005): table[k][b] is the CRC of byte b with k zeros
// behind.
#include <array>

#include "ranvier/io/file.h"

namespace ranvier::io {
namespace {

constexpr std::size_t slices = 16;
using Tables = std::array<std::array<std::uint32_t, 256>, slices>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    tables[0][b] = crc;
  }
  for (std::size_t k = 1; k < slices; ++k) {
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8U) ^ tables[0][before & 255U];
    }
  }
  return tables;
}

constexpr Tables tables = make_tables();

}  // namespace

std::uint32_t crc32(Bytes bytes, std::uint32_t crc) {
  crc = ~crc;
  const auto* p = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t n = bytes.size();
  for (; n >= slices; n -= slices, p += slices) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < slices; ++i) {
      const std::uint32_t mix = i < 4 ? (crc >> (8 * i)) & 255U : 0U;
      next ^= tables[slices - 1 - i][p[i] ^ mix];
    }
    crc = next;
  }
  for (; n > 0; --n, ++p) crc = (crc >> 8U) ^ tables[0][(crc ^ *p) & 255U];
  return ~crc;
}

}  // namespace ranvier::io
