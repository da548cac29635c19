// Errors of the engine and the one-line checks that raise them.
#pragma once

#include <initializer_list>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace ranvier {

/// A value the caller passed is wrong; becomes Python's ValueError.
struct ValueError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// The kind (dtype, class) of an argument is wrong; becomes Python's TypeError.
struct TypeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// The engine is used in an order it cannot follow; becomes Python's RuntimeError.
struct StateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace detail {

/// A value and how to write it. Messages are many and never urgent: written through pointers they share their code.
struct TextPart {
  const void* value;
  void (*write)(std::ostream& out, const void* value);
};

template <class T>
void write_text(std::ostream& out, const void* value) {
  out << *static_cast<const T*>(value);
}

void write_characters(std::ostream& out, const void* value);

template <class T>
TextPart text_part(const T& value) {
  if constexpr (std::is_array_v<T>) {
    return {value, &write_characters};  // literals of every length are one type
  } else {
    return {std::addressof(value), &write_text<T>};
  }
}

std::string concat_parts(std::initializer_list<TextPart> parts);

template <class E>
[[noreturn]] void fail_with(std::initializer_list<TextPart> parts) {
  throw E(concat_parts(parts));
}

}  // namespace detail

template <class... Parts>
std::string concat_text(const Parts&... parts) {
  return detail::concat_parts({detail::text_part(parts)...});
}

template <class E = ValueError, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  detail::fail_with<E>({detail::text_part(parts)...});
}

/// check(condition, "expected ", a, ", received ", b) throws E with the text when the condition is false.
template <class E = ValueError, class... Parts>
inline void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    fail<E>(parts...);
  }
}

}  // namespace ranvier
