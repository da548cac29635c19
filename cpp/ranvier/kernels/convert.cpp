#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "ranvier/kernels/move.h"
#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 32768;
constexpr Index ahead = 4;

/// One value converted, defined for every input: NaN becomes 0, what does not fit the nearest bound. Selections, no
/// branches: the loops around it are vectorised.
template <class To, class From>
inline To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<To> || std::is_same_v<From, bool>) {
    return static_cast<To>(v);
  } else if constexpr (std::is_floating_point_v<From>) {
    // 2^31 or 2^63: the first value above the range is a power of two in either type.
    constexpr From limit = static_cast<From>(std::uint64_t{1} << (8 * sizeof(To) - 1));
    const bool inside = v > -limit && v < limit;
    const To truncated = static_cast<To>(inside ? v : From(0));
    const To bound = v >= limit ? std::numeric_limits<To>::max() : std::numeric_limits<To>::min();
    return inside || v != v ? truncated : bound;
  } else {
    if (std::cmp_greater(v, std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (std::cmp_less(v, std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(v);
  }
}

/// The C++ types of Source, in its order; a boolean is read as a byte, since the caller's may hold more than 0 and 1.
template <class F>
decltype(auto) dispatch_source(Source type, F&& f) {
  switch (type) {
    case Source::f32:
      return f(Tag<float>{});
    case Source::f64:
      return f(Tag<double>{});
    case Source::i8:
      return f(Tag<std::int8_t>{});
    case Source::u8:
      return f(Tag<std::uint8_t>{});
    case Source::i16:
      return f(Tag<std::int16_t>{});
    case Source::u16:
      return f(Tag<std::uint16_t>{});
    case Source::i32:
      return f(Tag<std::int32_t>{});
    case Source::u32:
      return f(Tag<std::uint32_t>{});
    case Source::i64:
      return f(Tag<std::int64_t>{});
    case Source::u64:
      return f(Tag<std::uint64_t>{});
    default:
      return f(Tag<bool>{});
  }
}

using RowFn = void (*)(Index n, const unsigned char* src, unsigned char* dst);

/// n elements from an address of any alignment (rows of a structured or mapped array).
template <class From, class To>
void convert_row(Index n, const unsigned char* src, unsigned char* dst) {
  if constexpr (std::is_same_v<From, To> && !std::is_same_v<From, bool>) {
    std::memcpy(dst, src, static_cast<std::size_t>(n) * sizeof(To));
  } else {
    using Stored = std::conditional_t<std::is_same_v<From, bool>, unsigned char, From>;
    To* to = reinterpret_cast<To*>(dst);
    for (Index i = 0; i < n; ++i) {
      Stored v;
      std::memcpy(&v, src + static_cast<std::size_t>(i) * sizeof v, sizeof v);
      if constexpr (std::is_same_v<From, bool>) {
        to[i] = convert<To>(v != 0);
      } else {
        to[i] = convert<To>(v);
      }
    }
  }
}

RowFn row_function(Source from, DType to) {
  return dispatch_source(from, [to](auto source) {
    return dispatch_any(to, [](auto target) -> RowFn {
      return &convert_row<typename decltype(source)::type, typename decltype(target)::type>;
    });
  });
}

Source source_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return Source::f32;
    case DType::float64:
      return Source::f64;
    case DType::int32:
      return Source::i32;
    case DType::int64:
      return Source::i64;
    default:
      return Source::boolean;
  }
}

}  // namespace

std::size_t size_of(Source type) {
  return dispatch_source(type, [](auto tag) { return sizeof(typename decltype(tag)::type); });
}

void cast(DType from, DType to, Index n, const void* src, void* dst) {
  const RowFn row = row_function(source_of(from), to);
  const auto* in = static_cast<const unsigned char*>(src);
  auto* out = static_cast<unsigned char*>(dst);
  const auto in_size = static_cast<Index>(size_of(from));
  const auto out_size = static_cast<Index>(size_of(to));
  parallel_for(n, grain,
               [=](Index begin, Index end) { row(end - begin, in + begin * in_size, out + begin * out_size); });
}

void gather_convert(Source type, DType to, Index n, Index row, const std::int64_t* index, const void* src,
                    Index src_stride, void* dst) {
  if (row == 0) return;
  const RowFn convert_one = row_function(type, to);
  const auto* in = static_cast<const unsigned char*>(src);
  auto* out = static_cast<unsigned char*>(dst);
  const Index out_row = row * static_cast<Index>(size_of(to));
  parallel_for(n, rows_for(n, row, grain), [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (i + ahead < end) __builtin_prefetch(in + index[i + ahead] * src_stride);
      convert_one(row, in + index[i] * src_stride, out + i * out_row);
    }
  });
}

}  // namespace ranvier::kernels
