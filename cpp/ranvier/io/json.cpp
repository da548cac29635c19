#include "ranvier/io/json.h"

#include <algorithm>

#include "ranvier/io/text.h"

namespace ranvier::io {
namespace {

std::string count(std::size_t n, const char* one, const char* many) { return concat_text(n, ' ', n == 1 ? one : many); }

std::string keys_of(const Json::Object& object) {
  constexpr std::size_t shown = 20;
  std::string keys;
  for (std::size_t i = 0; i < std::min(object.size(), shown); ++i) {
    keys += (i > 0 ? ", " : "") + printable(object[i].first);
  }
  if (object.size() > shown) keys += concat_text(" and ", object.size() - shown, " more");
  return keys.empty() ? "no keys" : keys;
}

}  // namespace

std::string Json::describe() const {
  switch (kind()) {
    case Kind::text:
      return quoted(std::get<std::string>(value_));
    case Kind::array:
      return "an array of " + count(size(), "value", "values");
    case Kind::object:
      return "an object with " + count(size(), "key", "keys");
    default:
      return dump();
  }
}

void Json::wrong_kind(const char* expected) const { fail("expected ", expected, ", received ", describe()); }

bool Json::as_flag() const {
  if (const auto* value = std::get_if<bool>(&value_)) return *value;
  wrong_kind("true or false");
}

std::int64_t Json::as_integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  wrong_kind(kind() == Kind::big_integer ? "an integer of 64 bits with a sign" : "an integer");
}

double Json::as_number() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  wrong_kind("a number");
}

const std::string& Json::as_text() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  wrong_kind("a string");
}

const Json::Array& Json::as_array() const {
  if (const auto* value = std::get_if<Array>(&value_)) return *value;
  wrong_kind("an array");
}

Json::Array& Json::as_array() {
  if (auto* value = std::get_if<Array>(&value_)) return *value;
  wrong_kind("an array");
}

const Json::Object& Json::as_object() const {
  if (const auto* value = std::get_if<Object>(&value_)) return *value;
  wrong_kind("an object");
}

Json::Object& Json::as_object() {
  if (auto* value = std::get_if<Object>(&value_)) return *value;
  wrong_kind("an object");
}

std::size_t Json::size() const {
  if (const auto* value = std::get_if<Array>(&value_)) return value->size();
  if (const auto* value = std::get_if<Object>(&value_)) return value->size();
  return 0;
}

const Json& Json::at(std::size_t index) const {
  const Array& values = as_array();
  check(index < values.size(), "expected an array of more than ", index, " values, received ", describe());
  return values[index];
}

const Json* Json::lookup(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value_);
  if (object == nullptr) fail("expected an object with key ", quoted(key), ", received ", describe());
  const auto found = std::find_if(object->begin(), object->end(), [&](const Member& m) { return m.first == key; });
  return found == object->end() ? nullptr : &found->second;
}

const Json& Json::at(std::string_view key) const {
  const Json* value = lookup(key);
  if (value == nullptr) fail("expected key ", quoted(key), ", found: ", keys_of(as_object()));
  return *value;
}

const Json* Json::find(std::string_view key) const {
  const Json* value = lookup(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Json::contains(std::string_view key) const { return lookup(key) != nullptr; }

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object();
  if (const Json* place = lookup(key)) {
    *const_cast<Json*>(place) = std::move(value);
  } else {
    as_object().emplace_back(std::string(key), std::move(value));
  }
  return *this;
}

void Json::push_back(Json value) {
  if (is_null()) value_ = Array();
  as_array().push_back(std::move(value));
}

}  // namespace ranvier::io
