// JSON values: the form in which configurations travel between Python, files and the layer factories.
//
//   const Json config = Json::parse(text, "config.json");
//   const auto units = config.integer("units");                      // ValueError when absent
//   const auto activation = config.text("activation", "linear");     // the default when absent or null
//   for (const auto& [key, value] : config.as_object()) ...
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ranvier/core/check.h"

namespace ranvier::io {

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, big_integer, number, text, array, object };
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  ///< in the order of insertion, keys unique

  Json() = default;
  Json(std::nullptr_t) {}
  template <std::same_as<bool> T>
  Json(T value) : value_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Json(T value) {
    if (std::in_range<std::int64_t>(value)) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  template <std::floating_point T>
  Json(T value) : value_(static_cast<double>(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  template <class T>
  static Json list(const std::vector<T>& values) {
    return Json(Array(values.begin(), values.end()));
  }

  /// Reads RFC 8259 JSON in UTF-8, and the literals NaN, Infinity and -Infinity that Python's json writes. A number is
  /// an integer when it has no fraction and no exponent. ValueError with `name`, line, column, byte and what was
  /// expected; so are duplicate keys, integers beyond 64 bits, nesting deeper than max_depth and more than max_values
  /// values.
  static Json parse(std::string_view text, std::string_view name = "JSON");
  static constexpr int max_depth = 100;
  static constexpr std::size_t max_values = std::size_t{1} << 22U;  // bounds memory at about 40 times as many bytes

  /// The text that parse() reads back to an equal value, numbers to the bit. indent >= 0 puts every value on its own
  /// line, except in arrays of plain numbers. ValueError when a string is not UTF-8 or the nesting is deeper than
  /// max_depth.
  std::string dump(int indent = -1) const;

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool is_null() const { return kind() == Kind::null; }
  bool is_flag() const { return kind() == Kind::boolean; }
  bool is_integer() const { return kind() == Kind::integer || kind() == Kind::big_integer; }
  bool is_number() const { return kind() == Kind::number || is_integer(); }
  bool is_text() const { return kind() == Kind::text; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }

  // The value as what it is; ValueError otherwise. Integers are numbers too; flags are not integers.
  bool as_flag() const;
  std::int64_t as_integer() const;
  double as_number() const;
  const std::string& as_text() const;
  const Array& as_array() const;
  Array& as_array();
  const Object& as_object() const;
  Object& as_object();
  /// For T bool, an integer or floating type, std::string, Json, or a std::vector of these.
  template <class T>
  T as() const;

  /// Number of elements of an array or members of an object; 0 otherwise.
  std::size_t size() const;
  const Json& at(std::size_t index) const;

  /// The member; ValueError "expected key 'units', found: name, activation" when absent.
  const Json& at(std::string_view key) const;
  /// The member, or null when it is absent or holds null.
  const Json* find(std::string_view key) const;
  bool contains(std::string_view key) const;
  /// Adds or replaces a member (null becomes an object first); returns *this, to be chained.
  Json& set(std::string_view key, Json value);
  /// Appends to an array (null becomes an array first).
  void push_back(Json value);

  // Members by key; with a default they may be absent or null. ValueError names the key when the kind is wrong.
  template <class T>
  T get(std::string_view key) const {
    return member<T>(key, at(key));
  }
  template <class T>
  T get(std::string_view key, T fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    return member<T>(key, *value);
  }
  std::int64_t integer(std::string_view key) const { return get<std::int64_t>(key); }
  std::int64_t integer(std::string_view key, std::int64_t fallback) const { return get(key, fallback); }
  double number(std::string_view key) const { return get<double>(key); }
  double number(std::string_view key, double fallback) const { return get(key, fallback); }
  std::string text(std::string_view key) const { return get<std::string>(key); }
  std::string text(std::string_view key, std::string fallback) const { return get(key, std::move(fallback)); }
  bool flag(std::string_view key) const { return get<bool>(key); }
  bool flag(std::string_view key, bool fallback) const { return get(key, fallback); }
  std::vector<std::int64_t> integers(std::string_view key) const { return get<std::vector<std::int64_t>>(key); }
  std::vector<double> numbers(std::string_view key) const { return get<std::vector<double>>(key); }

  /// A few words for an error message: "3", "'relu'", "an array of 2 values".
  std::string describe() const;

  bool operator==(const Json& other) const = default;

 private:
  /// value.as<T>() with the key in front of its complaint.
  template <class T>
  static T member(std::string_view key, const Json& value) {
    try {
      return value.as<T>();
    } catch (const ValueError& error) {
      fail("key '", key, "': ", error.what());
    }
  }
  const Json* lookup(std::string_view key) const;
  [[noreturn]] void wrong_kind(const char* expected) const;

  /// Integers are std::uint64_t only beyond the range of std::int64_t, so that equal values compare equal.
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

template <class T>
T Json::as() const {
  if constexpr (std::same_as<T, Json>) {
    return *this;
  } else if constexpr (std::same_as<T, bool>) {
    return as_flag();
  } else if constexpr (std::integral<T>) {
    if (const auto* big = std::get_if<std::uint64_t>(&value_); big != nullptr && std::in_range<T>(*big)) {
      return static_cast<T>(*big);
    }
    const std::int64_t value = as_integer();
    check(std::in_range<T>(value), "expected ", std::is_unsigned_v<T> ? "an integer >= 0" : "an integer", " that fits ",
          8 * sizeof(T), " bits, received ", value);
    return static_cast<T>(value);
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(as_number());
  } else if constexpr (is_vector<T>::value) {
    T values;
    for (const Json& value : as_array()) values.push_back(value.template as<typename T::value_type>());
    return values;
  } else {
    static_assert(std::same_as<T, std::string>, "as<T>: T is not a type JSON can be read as");
    return as_text();
  }
}

}  // namespace ranvier::io
