// The five element types of a tensor and the one place where a run-time dtype becomes a C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "ranvier/core/check.h"

namespace ranvier {

enum class DType : std::uint8_t { float32, float64, int32, int64, boolean };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::float64:
    case DType::int64:
      return 8;
    case DType::boolean:
      return 1;
  }
  return 0;
}

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::boolean:
      return "bool";
  }
  return "?";
}

/// The dtype with this name; ValueError with the list of names otherwise.
DType dtype_from_name(std::string_view name);

constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::float32;
  if constexpr (std::is_same_v<T, double>) return DType::float64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::int32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DType::int64;
  if constexpr (std::is_same_v<T, bool>) return DType::boolean;
}

template <class T>
struct Tag {
  using type = T;
};

/// Calls f(Tag<float>{}) or f(Tag<double>{}); `what` names the operation in the error for other dtypes.
template <class F>
decltype(auto) dispatch_floating(DType dtype, std::string_view what, F&& f) {
  if (dtype == DType::float32) return f(Tag<float>{});
  if (dtype == DType::float64) return f(Tag<double>{});
  fail<TypeError>(what, ": expected float32 or float64, received ", name_of(dtype), "; cast it first");
}

/// Calls f with the tag of any of the five dtypes.
template <class F>
decltype(auto) dispatch_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(Tag<float>{});
    case DType::float64:
      return f(Tag<double>{});
    case DType::int32:
      return f(Tag<std::int32_t>{});
    case DType::int64:
      return f(Tag<std::int64_t>{});
    default:
      return f(Tag<bool>{});
  }
}

/// Like dispatch_any without bool: the types arithmetic is defined for.
template <class F>
decltype(auto) dispatch_numeric(DType dtype, std::string_view what, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(Tag<float>{});
    case DType::float64:
      return f(Tag<double>{});
    case DType::int32:
      return f(Tag<std::int32_t>{});
    case DType::int64:
      return f(Tag<std::int64_t>{});
    default:
      fail<TypeError>(what, ": expected a numeric dtype, received bool; cast it first");
  }
}

}  // namespace ranvier
