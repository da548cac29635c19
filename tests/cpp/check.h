// The few macros of the C++ tests. A test program counts failures and returns `ranvier::testing::result()` from main.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

namespace ranvier::testing {

inline int checks = 0;
inline int failures = 0;

inline void report(bool passed, const char* file, int line, const std::string& what) {
  ++checks;
  if (passed) return;
  ++failures;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

template <class Error, class F>
std::string thrown_instead(F&& f, const std::string& text) {
  try {
    f();
  } catch (const Error& error) {
    const std::string message = error.what();
    return message.find(text) != std::string::npos ? "" : "the message is: " + message;
  } catch (const std::exception& error) {
    return std::string("another exception came: ") + error.what();
  }
  return "nothing was thrown";
}

/// Prints the count; what main returns.
inline int result() {
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace ranvier::testing

#define EXPECT(...) \
  ::ranvier::testing::report(static_cast<bool>(__VA_ARGS__), __FILE__, __LINE__, "expected " #__VA_ARGS__)

#define EXPECT_NEAR(a, b, tolerance)                                                                   \
  do {                                                                                                 \
    const double check_a = static_cast<double>(a);                                                     \
    const double check_b = static_cast<double>(b);                                                     \
    ::ranvier::testing::report(                                                                        \
        std::abs(check_a - check_b) <= static_cast<double>(tolerance), __FILE__, __LINE__,             \
        "expected " #a " = " + std::to_string(check_a) + " near " #b " = " + std::to_string(check_b)); \
  } while (false)

/// The statement throws an exception of this type whose message contains `text`.
#define EXPECT_THROWS(statement, type, text)                                                   \
  do {                                                                                         \
    const std::string check_fault =                                                            \
        ::ranvier::testing::thrown_instead<type>([&] { static_cast<void>(statement); }, text); \
    ::ranvier::testing::report(check_fault.empty(), __FILE__, __LINE__,                        \
                               "expected " #type " from " #statement "; " + check_fault);      \
  } while (false)
