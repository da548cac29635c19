// JSON: what is read, how it is printed, and what every error says.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "check.h"
#include "ranvier/io/json.h"
#include "ranvier/io/text.h"

namespace {

using ranvier::ValueError;
using ranvier::io::Json;

void test_values() {
  EXPECT(Json::parse("null").is_null());
  EXPECT(Json::parse(" true ").as_flag());
  EXPECT(!Json::parse("false").as_flag());
  EXPECT(Json::parse("-9223372036854775808").as_integer() == std::numeric_limits<std::int64_t>::min());
  EXPECT(Json::parse("9223372036854775807").as_integer() == std::numeric_limits<std::int64_t>::max());
  EXPECT(Json::parse("1").is_integer());
  EXPECT(Json::parse("1").as_number() == 1.0);
  EXPECT(Json::parse("1.0").kind() == Json::Kind::number);
  EXPECT(Json::parse("1e3").as_number() == 1000.0);
  EXPECT(Json::parse("-2.5E-1").as_number() == -0.25);
  EXPECT(std::isnan(Json::parse("NaN").as_number()));
  EXPECT(Json::parse("[Infinity, -Infinity]").at(0).as_number() == std::numeric_limits<double>::infinity());
  EXPECT(Json::parse("[Infinity, -Infinity]").at(1).as_number() == -std::numeric_limits<double>::infinity());
  EXPECT(Json::parse("[]").size() == 0);
  EXPECT(Json::parse("{ }").as_object().empty());
  EXPECT(Json::parse("\t[1, [2, {\"a\": []}]]\r\n").at(1).at(1).at("a").is_array());
  EXPECT(Json::parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00\u0000")").as_text() ==
         std::string("\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0", 19));
  EXPECT(Json::parse("\"\xC3\xA9\xF0\x9F\x98\x80\"").as_text() == "\xC3\xA9\xF0\x9F\x98\x80");
}

void test_parse_errors() {
  const auto fails = [](const char* text, const char* message) {
    EXPECT_THROWS(Json::parse(text, "config.json"), ValueError, message);
  };
  fails("", "config.json: line 1, column 1 (byte 0): expected a value, received the end of the text");
  fails("{\n  \"a\": 1,\n  \"b\" 2\n}",
        "config.json: line 3, column 7 (byte 18): expected ':' after the key 'b', received '2'");
  fails("[1, 2", "expected ',' or ']', received the end of the text");
  fails("[1, 2,]", "byte 6): expected a value, received ']'");
  fails("{\"a\": 1,}", "expected a key in double quotes, received '}'");
  fails("{\"a\": 1 \"b\": 2}", "expected ',' or '}', received '\"'");
  fails("{a: 1}", "expected a key in double quotes, received 'a'");
  fails("{\"a\": 1, \"a\": 2}", "expected every key once, received 'a' twice");
  fails("1 2", "expected the end of the text, received '2'");
  fails("tru", "expected a value, received 't'");
  fails("nan", "expected a value, received 'n'");
  fails("-", "expected a digit, received the end of the text");
  fails("+1", "expected a value, received '+'");
  fails(".5", "expected a value, received '.'");
  fails("1.", "expected a digit");
  fails("1e", "expected a digit");
  fails("012", "without leading zeros");
  fails("0x10", "expected the end of the text, received 'x'");
  fails("18446744073709551616",
        "expected an integer that fits 64 bits, received '18446744073709551616'; store it as text");
  fails("-9223372036854775809", "expected an integer that fits 64 bits");
  fails("1e999", "expected a number in the range of float64");
  fails("\"abc", "expected '\"' at the end of a string, received the end of the text");
  fails("\"a\nb\"", "expected control characters in a string to be escaped, received '\\x0a'");
  fails("\"\\x\"", "after a backslash, received 'x'");
  fails("\"\\", "after a backslash, received the end of the text");
  fails("\"\\u12g4\"", "expected four hexadecimal digits after \\u, received 'g'");
  fails("\"\\ud83d\"", "byte 1): expected a pair of surrogates, received one alone");
  fails("\"\\ud83d\\u0041\"", "expected a pair of surrogates");
  fails("\"\\ude00\"", "expected a pair of surrogates");
  fails("\"\xFF\"", "expected UTF-8, received a byte that is not UTF-8, '\\xff'");
  fails("\"\xC0\x80\"", "expected UTF-8");          // overlong
  fails("\"\xED\xA0\x80\"", "expected UTF-8");      // a surrogate
  fails("\"\xF4\x90\x80\x80\"", "expected UTF-8");  // beyond U+10FFFF
  fails("\"\xE2\x82\"", "expected UTF-8");          // cut short
  fails("\xEF\xBB\xBF{}", "expected a value");      // a byte order mark
}

void test_limits() {
  const auto nested = [](int depth) {
    const auto n = static_cast<std::size_t>(depth);
    return std::string(n, '[') + std::string(n, ']');
  };
  const std::string deepest = nested(Json::max_depth);
  EXPECT(Json::parse(deepest).dump() == deepest);
  EXPECT_THROWS(Json::parse(nested(Json::max_depth + 1)), ValueError, "expected at most 100 levels of nesting");
  EXPECT_THROWS(Json::parse(std::string(1'000'000, '[')), ValueError, "expected at most 100 levels of nesting");
  EXPECT_THROWS(Json::parse(std::string(1'000'000, '{')), ValueError, "expected a key in double quotes");
  Json too_deep = Json::parse(deepest);
  too_deep = Json(Json::Array{too_deep});
  EXPECT_THROWS(too_deep.dump(), ValueError, "levels of nesting");
  std::string many = "[0";
  for (std::size_t i = 1; i < Json::max_values; ++i) many += ",0";
  EXPECT_THROWS(Json::parse(many + "]"), ValueError, "expected at most 4194304 values");
}

void test_dump() {
  const std::string text =
      R"({"name":"dense","units":64,"rate":0.1,"whole":3.0,"big":1e+22,"list":[1,2.5,"x",null],"on":true})";
  EXPECT(Json::parse(text).dump() == text);
  EXPECT(Json::parse(Json::parse(text).dump(2)) == Json::parse(text));
  EXPECT(Json(Json::Object{{"a", Json::Array{1, 2}}, {"b", Json::Array{"x"}}, {"c", Json::Object{}}}).dump(2) ==
         "{\n  \"a\": [1, 2],\n  \"b\": [\n    \"x\"\n  ],\n  \"c\": {}\n}");
  EXPECT(Json(std::string("\"\\\n\r\t\x01\x1f/\x7f\xC3\xA9", 11)).dump() ==
         "\"\\\"\\\\\\n\\r\\t\\u0001\\u001f/\x7f\xC3\xA9\"");
  EXPECT(Json(-0.0).dump() == "-0.0");
  EXPECT(Json(1e-320).dump() == "1e-320");
  EXPECT(Json(std::numeric_limits<double>::quiet_NaN()).dump() == "NaN");
  EXPECT(Json(-std::numeric_limits<double>::infinity()).dump() == "-Infinity");
  EXPECT_THROWS(Json(std::string("\xFF")).dump(), ValueError, "expected text in UTF-8, received '\\xff'");
}

// Every bit pattern of a double that is a number comes back, subnormals and the signed zero included.
void test_doubles_round_trip() {
  std::uint64_t state = 0x9E3779B97F4A7C15U;
  int different = 0;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::uint64_t bits = state ^ (state >> 29U);
    if (i % 4 == 0) bits &= 0x800FFFFFFFFFFFFFU;  // subnormal
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) continue;
    const Json back = Json::parse(Json(value).dump());
    if (back.kind() != Json::Kind::number || std::bit_cast<std::uint64_t>(back.as_number()) != bits) ++different;
  }
  EXPECT(different == 0);
  for (const double value : {0.0, -0.0, 5e-324, 0.1, 1.0 / 3.0, 1.7976931348623157e308, 123456789012345680.0}) {
    EXPECT(std::bit_cast<std::uint64_t>(Json::parse(Json(value).dump()).as_number()) ==
           std::bit_cast<std::uint64_t>(value));
  }
}

void test_access() {
  const Json config = Json::parse(
      R"({"name": "dense", "units": 64, "rate": 0.5, "use_bias": false, "activation": null, "shape": [3, 4]})");
  EXPECT(config.integer("units") == 64);
  EXPECT(config.get<int>("units") == 64);
  EXPECT(config.number("units") == 64.0);
  EXPECT(config.number("rate", 0.25) == 0.5);
  EXPECT(config.number("momentum", 0.25) == 0.25);
  EXPECT(config.text("activation", "linear") == "linear");
  EXPECT(config.text("name", "x") == "dense");
  EXPECT(!config.flag("use_bias", true));
  EXPECT(config.flag("trainable", true));
  EXPECT(config.integers("shape") == std::vector<std::int64_t>{3, 4});
  EXPECT(config.numbers("shape") == std::vector<double>{3, 4});
  EXPECT(config.find("activation") == nullptr);
  EXPECT(config.find("nothing") == nullptr);
  EXPECT(config.contains("activation"));
  EXPECT(config.find("units")->as_integer() == 64);
  std::string keys;
  for (const auto& [key, value] : config.as_object()) keys += key + " ";
  EXPECT(keys == "name units rate use_bias activation shape ");

  EXPECT_THROWS(config.at("filters"), ValueError, "expected key 'filters', found: name, units, rate, use_bias");
  EXPECT_THROWS(Json(Json::Object{}).at("a"), ValueError, "expected key 'a', found: no keys");
  EXPECT_THROWS(config.integer("filters"), ValueError, "expected key 'filters'");
  EXPECT_THROWS(config.integer("rate"), ValueError, "key 'rate': expected an integer, received 0.5");
  EXPECT_THROWS(config.integer("use_bias", 1), ValueError, "key 'use_bias': expected an integer, received false");
  EXPECT_THROWS(config.number("name"), ValueError, "key 'name': expected a number, received 'dense'");
  EXPECT_THROWS(config.text("shape"), ValueError, "key 'shape': expected a string, received an array of 2 values");
  EXPECT_THROWS(config.text("activation"), ValueError, "key 'activation': expected a string, received null");
  EXPECT_THROWS(config.flag("units"), ValueError, "key 'units': expected true or false, received 64");
  EXPECT_THROWS(config.integers("units"), ValueError, "key 'units': expected an array, received 64");
  EXPECT_THROWS(config.as_array(), ValueError, "expected an array, received an object with 6 keys");
  EXPECT_THROWS(config.at("shape").at(2), ValueError, "expected an array of more than 2 values");
  EXPECT_THROWS(Json(3).at("a"), ValueError, "expected an object with key 'a', received 3");
  EXPECT_THROWS(Json(1000).as<std::int8_t>(), ValueError, "fits 8 bits, received 1000");
  EXPECT_THROWS(Json(-1).as<std::uint64_t>(), ValueError, "expected an integer >= 0 that fits 64 bits, received -1");
  const Json big = std::numeric_limits<std::uint64_t>::max();
  EXPECT(big.is_integer() && big.dump() == "18446744073709551615" && Json::parse(big.dump()) == big);
  EXPECT(big.as<std::uint64_t>() == std::numeric_limits<std::uint64_t>::max() && big.as_number() == 0x1p64);
  EXPECT(Json(std::uint64_t{7}) == Json(7));
  EXPECT_THROWS(big.as_integer(), ValueError,
                "expected an integer of 64 bits with a sign, received 18446744073709551615");
}

void test_building() {
  Json value;
  value.set("units", 3).set("name", "a").set("units", 4);
  value.set("list", Json::list(std::vector<double>{0.5, 1}));
  Json array;
  array.push_back(nullptr);
  array.push_back(true);
  value.set("flags", array);
  EXPECT(value.dump() == R"({"units":4,"name":"a","list":[0.5,1.0],"flags":[null,true]})");
  EXPECT_THROWS(Json(3).set("a", 1), ValueError, "expected an object");
  EXPECT_THROWS(Json("x").push_back(1), ValueError, "expected an array");
}

void test_text() {
  using ranvier::io::quoted;
  EXPECT(quoted("a\x01\xC3\xA9\x80") == "'a\\x01\xC3\xA9\\x80'");
  std::string longish(79, 'a');
  longish += "\xE2\x82\xAC and more";
  EXPECT(ranvier::io::is_utf8(quoted(longish)));
  EXPECT(quoted(longish) == "'" + std::string(79, 'a') + "...'");
}

}  // namespace

int main() {
  test_values();
  test_parse_errors();
  test_limits();
  test_dump();
  test_doubles_round_trip();
  test_access();
  test_building();
  test_text();
  return ranvier::testing::result();
}
