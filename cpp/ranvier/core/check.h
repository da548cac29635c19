// Errors of the engine and the one-line checks that raise them.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

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

template <class... Parts>
std::string concat_text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class E = ValueError, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw E(concat_text(parts...));
}

/// check(condition, "expected ", a, ", received ", b) throws E with the text when the condition is false.
template <class E = ValueError, class... Parts>
inline void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    fail<E>(parts...);
  }
}

}  // namespace ranvier
