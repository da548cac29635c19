// Strided copies against loops over random ranks, orders and negative strides; gathers, scatters and conversions.
#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <utility>

#include "kernels_support.h"
#include "ranvier/kernels/move.h"

namespace ranvier::testing {
namespace {

using kernels::Source;
using kernels::StridedCopy;

int draw(std::mt19937& generator, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(generator);
}

/// The nest element by element.
template <class T>
void naive_copy(const StridedCopy& nest, const T* src, T* dst, bool accumulate, int axis = 0) {
  if (axis == nest.rank) {
    if constexpr (std::is_same_v<T, bool>) {
      *dst = *src;
    } else {
      *dst = accumulate ? static_cast<T>(*dst + *src) : *src;
    }
    return;
  }
  const auto at = static_cast<std::size_t>(axis);
  for (Index i = 0; i < nest.dims[at]; ++i) {
    naive_copy(nest, src + i * nest.src[at], dst + i * nest.dst[at], accumulate, axis + 1);
  }
}

/// A source walked in any order of axes, in any direction, with axes that repeat; a destination with gaps.
template <class T>
void strided(int rounds, int largest) {
  std::mt19937 generator(3);
  for (int round = 0; round < rounds; ++round) {
    StridedCopy nest;
    nest.rank = draw(generator, 0, 5);
    std::array<int, max_rank> order{};
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.begin() + nest.rank, generator);
    Index size = 1;
    Index start = 0;
    for (int i = 0; i < nest.rank; ++i) {
      const auto at = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
      nest.dims[at] = draw(generator, 0, 20) == 0 ? 0 : draw(generator, 1, largest);
      const int kind = draw(generator, 0, 6);
      nest.src[at] = kind == 0 ? 0 : kind == 1 ? -size : size;
      if (kind == 1) start += size * std::max<Index>(nest.dims[at] - 1, 0);
      if (kind != 0) size *= std::max<Index>(nest.dims[at], 1);
    }
    Index room = 1;
    for (int i = nest.rank - 1; i >= 0; --i) {
      const auto at = static_cast<std::size_t>(i);
      nest.dst[at] = room;
      room *= std::max<Index>(nest.dims[at], 1);
      if (draw(generator, 0, 3) == 0) room += draw(generator, 1, 3);  // a slice of something wider
    }
    std::vector<T> src(static_cast<std::size_t>(size));
    for (T& v : src) v = static_cast<T>(draw(generator, 0, std::is_same_v<T, bool> ? 1 : 90));
    for (bool accumulate : {false, true}) {
      if (accumulate && std::is_same_v<T, bool>) continue;
      std::vector<unsigned char> got(static_cast<std::size_t>(room) * sizeof(T), 1);
      std::vector<unsigned char> expected = got;
      kernels::strided_copy<T>(nest, src.data() + start, reinterpret_cast<T*>(got.data()), accumulate);
      naive_copy<T>(nest, src.data() + start, reinterpret_cast<T*>(expected.data()), accumulate);
      EXPECT_THAT(got == expected, "strided copy, round ", round, ", rank ", nest.rank);
    }
  }
}

void strided_bools() {
  std::array<bool, 6> src{true, false, true, true, false, false};
  std::array<bool, 6> dst{};
  StridedCopy nest;
  nest.rank = 2;
  nest.dims = {3, 2};
  nest.src = {1, 3};
  nest.dst = {2, 1};
  kernels::strided_copy<bool>(nest, src.data(), dst.data(), false);
  EXPECT(dst == (std::array<bool, 6>{true, true, false, false, true, false}));
}

void large_transposes() {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{700, 513}, {3, 100000}, {100000, 3}, {257, 1024}}) {
    const std::vector<float> x = random_vector<float>(rows * cols, 1);
    StridedCopy nest;
    nest.rank = 2;
    nest.dims = {cols, rows};
    nest.src = {1, cols};
    nest.dst = {rows, 1};
    std::vector<float> expected(x.size());
    naive_copy(nest, x.data(), expected.data(), false);
    expect_same_for_all_threads("transpose", [&] {
      std::vector<float> y(x.size());
      kernels::strided_copy<float>(nest, x.data(), y.data(), false);
      EXPECT(same_bits(y, expected));
      return y;
    });
  }
}

template <class I>
void gathers() {
  std::mt19937 generator(5);
  for (Index row : {0, 1, 2, 7, 16, 100, 784}) {
    for (Index n : {0, 1, 3, 64, 500}) {
      const Index rows = 37;
      const std::vector<float> src = random_vector<float>(rows * row, 1);
      std::vector<I> index(static_cast<std::size_t>(n));
      for (I& i : index) i = static_cast<I>(draw(generator, 0, static_cast<int>(rows) - 1));
      const std::vector<float> more = random_vector<float>(n * row, 2);
      std::vector<float> got(more.size());
      std::vector<float> expected(more.size());
      std::vector<float> sums = src;
      std::vector<float> expected_sums = src;
      kernels::gather_rows<float, I>(n, row, index.data(), src.data(), got.data());
      kernels::scatter_add_rows<float, I>(n, rows, row, index.data(), more.data(), sums.data());
      for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j < row; ++j) {
          const auto from = static_cast<std::size_t>(static_cast<Index>(index[static_cast<std::size_t>(i)]) * row + j);
          const auto to = static_cast<std::size_t>(i * row + j);
          expected[to] = src[from];
          expected_sums[from] += more[to];
        }
      }
      EXPECT(same_bits(got, expected));
      EXPECT(same_bits(sums, expected_sums));
    }
  }
  const std::vector<I> index{2, 0, 5, static_cast<I>(-1)};
  std::vector<int> y(12, 9);
  kernels::one_hot<int, I>(4, 3, index.data(), 1, 0, y.data());
  EXPECT(y == (std::vector<int>{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
}

void threads() {
  const Index n = 3000;
  const Index row = 130;
  const std::vector<float> src = random_vector<float>(n * row, 1);
  std::vector<std::int64_t> index(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) index[static_cast<std::size_t>(i)] = i * 7919 % 50;
  expect_same_for_all_threads("scatter_add_rows", [&] {
    std::vector<float> y(static_cast<std::size_t>(50 * row));
    kernels::scatter_add_rows<float, std::int64_t>(n, 50, row, index.data(), src.data(), y.data());
    return y;
  });
}

void casts() {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x{0.0F, 1.9F, -1.9F, std::nanf(""), inf, -inf, 3e9F, -3e9F, 2147483520.0F, 1e19F};
  const auto n = static_cast<Index>(x.size());
  std::vector<std::int32_t> i32(x.size());
  std::vector<std::int64_t> i64(x.size());
  std::array<bool, 10> b{};
  kernels::cast(DType::float32, DType::int32, n, x.data(), i32.data());
  kernels::cast(DType::float32, DType::int64, n, x.data(), i64.data());
  kernels::cast(DType::float32, DType::boolean, n, x.data(), b.data());
  constexpr auto top = std::numeric_limits<std::int32_t>::max();
  constexpr auto bottom = std::numeric_limits<std::int32_t>::min();
  constexpr auto top64 = std::numeric_limits<std::int64_t>::max();
  constexpr auto bottom64 = std::numeric_limits<std::int64_t>::min();
  EXPECT(i32 == (std::vector<std::int32_t>{0, 1, -1, 0, top, bottom, top, bottom, 2147483520, top}));
  EXPECT(i64 == (std::vector<std::int64_t>{0, 1, -1, 0, top64, bottom64, 3000000000, -3000000000, 2147483520, top64}));
  EXPECT(b == (std::array<bool, 10>{false, true, true, true, true, true, true, true, true, true}));
  const std::vector<double> d{-2147483648.5, 2147483647.5, 2147483648.0};
  std::vector<std::int32_t> from_double(3);
  kernels::cast(DType::float64, DType::int32, 3, d.data(), from_double.data());
  EXPECT(from_double == (std::vector<std::int32_t>{bottom, top, top}));
  const std::vector<std::int64_t> wide{bottom64, -5, 5, top64};
  std::vector<std::int32_t> narrow(4);
  kernels::cast(DType::int64, DType::int32, 4, wide.data(), narrow.data());
  EXPECT(narrow == (std::vector<std::int32_t>{bottom, -5, 5, top}));
  std::vector<double> wide_float(10);
  kernels::cast(DType::boolean, DType::float64, 10, b.data(), wide_float.data());
  EXPECT(wide_float == (std::vector<double>{0, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
}

/// Rows of an array of records: `stride` bytes apart, and none of them aligned.
template <class S>
void converted_rows(Source type) {
  EXPECT(kernels::size_of(type) == sizeof(S));
  const Index row = 19;
  const Index rows = 11;
  const Index stride = row * static_cast<Index>(sizeof(S)) + 3;
  std::vector<unsigned char> bytes(static_cast<std::size_t>(rows * stride + 1));
  std::vector<double> values;
  std::mt19937 generator(9);
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < row; ++j) {
      const int v = draw(generator, std::is_signed_v<S> ? -100 : 0, std::is_same_v<S, bool> ? 1 : 100);
      const S s = static_cast<S>(v);
      values.push_back(static_cast<double>(s));
      std::memcpy(bytes.data() + 1 + r * stride + j * static_cast<Index>(sizeof(S)), &s, sizeof s);
    }
  }
  const std::vector<std::int64_t> index{10, 0, 3, 3, 7};
  std::vector<float> f(static_cast<std::size_t>(5 * row));
  std::vector<double> d(f.size());
  std::vector<std::int32_t> i(f.size());
  std::vector<std::int64_t> l(f.size());
  const auto flags = std::make_unique<bool[]>(f.size());
  const unsigned char* src = bytes.data() + 1;
  kernels::gather_convert(type, DType::float32, 5, row, index.data(), src, stride, f.data());
  kernels::gather_convert(type, DType::float64, 5, row, index.data(), src, stride, d.data());
  kernels::gather_convert(type, DType::int32, 5, row, index.data(), src, stride, i.data());
  kernels::gather_convert(type, DType::int64, 5, row, index.data(), src, stride, l.data());
  kernels::gather_convert(type, DType::boolean, 5, row, index.data(), src, stride, flags.get());
  bool right = true;
  for (std::size_t k = 0; k < f.size(); ++k) {
    const std::size_t j = k % static_cast<std::size_t>(row);
    const auto from = static_cast<std::size_t>(index[k / static_cast<std::size_t>(row)] * row) + j;
    const double v = values[from];
    right = right && static_cast<double>(f[k]) == v && d[k] == v && i[k] == static_cast<std::int32_t>(v) &&
            l[k] == static_cast<std::int64_t>(v) && flags[k] == (v != 0);
  }
  EXPECT_THAT(right, "gather_convert from source ", static_cast<int>(type));
}

void filled() {
  for (Index n : {0, 1, 31, 70000}) {
    std::vector<float> y(static_cast<std::size_t>(n) + 1, 1.0F);
    kernels::fill<float>(n, 2.5F, y.data());
    EXPECT(std::count(y.begin(), y.end(), 2.5F) == n && y.back() == 1.0F);
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  strided<float>(300, 9);
  strided<double>(100, 20);
  strided<std::int32_t>(50, 9);
  strided<std::int64_t>(50, 9);
  strided_bools();
  large_transposes();
  gathers<std::int32_t>();
  gathers<std::int64_t>();
  threads();
  casts();
  converted_rows<float>(Source::f32);
  converted_rows<double>(Source::f64);
  converted_rows<std::int8_t>(Source::i8);
  converted_rows<std::uint8_t>(Source::u8);
  converted_rows<std::int16_t>(Source::i16);
  converted_rows<std::uint16_t>(Source::u16);
  converted_rows<std::int32_t>(Source::i32);
  converted_rows<std::uint32_t>(Source::u32);
  converted_rows<std::int64_t>(Source::i64);
  converted_rows<std::uint64_t>(Source::u64);
  converted_rows<bool>(Source::boolean);
  filled();
  return result();
}
