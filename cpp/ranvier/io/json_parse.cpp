// The JSON parser: recursive descent, one function a rule of RFC 8259.
#include <algorithm>
#include <charconv>
#include <limits>

#include "ranvier/io/json.h"
#include "ranvier/io/text.h"

namespace ranvier::io {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// ASCII that stands for itself in a string.
bool is_plain(char c) { return c != '"' && c != '\\' && c >= 0x20 && static_cast<unsigned char>(c) < 0x80; }

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Json document() {
    Json result = value(0);
    skip_space();
    if (at_ < text_.size()) expected("the end of the text");
    return result;
  }

 private:
  [[noreturn]] void error(std::size_t at, const std::string& message) const {
    const std::string_view before = text_.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t start = before.rfind('\n');
    const std::size_t column = start == std::string_view::npos ? at + 1 : at - start;
    fail(name_, ": line ", line, ", column ", column, " (byte ", at, "): ", message);
  }

  [[noreturn]] void expected(const std::string& what) const { error(at_, "expected " + what + ", received " + seen()); }

  std::string seen() const {
    if (at_ >= text_.size()) return "the end of the text";
    const std::size_t length = utf8_length(text_.substr(at_));
    return length == 0 ? "a byte that is not UTF-8, " + quoted(text_.substr(at_, 1))
                       : quoted(text_.substr(at_, length));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  Json value(int depth) {
    skip_space();
    if (++count_ > Json::max_values) error(at_, concat_text("expected at most ", Json::max_values, " values"));
    switch (peek()) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        return string();
      case 't':
        if (take("true")) return true;
        break;
      case 'f':
        if (take("false")) return false;
        break;
      case 'n':
        if (take("null")) return nullptr;
        break;
      case 'N':
        if (take("NaN")) return std::numeric_limits<double>::quiet_NaN();
        break;
      case 'I':
        if (take("Infinity")) return std::numeric_limits<double>::infinity();
        break;
      default:
        if (peek() == '-' || is_digit(peek())) return number();
    }
    expected("a value");
  }

  void check_depth(int depth) const {
    if (depth > Json::max_depth) error(at_, concat_text("expected at most ", Json::max_depth, " levels of nesting"));
  }

  Json array(int depth) {
    check_depth(depth);
    ++at_;
    Json::Array values;
    skip_space();
    if (take(']')) return values;
    do {
      values.push_back(value(depth));
      skip_space();
    } while (take(','));
    if (!take(']')) expected("',' or ']'");
    return values;
  }

  Json object(int depth) {
    check_depth(depth);
    const std::size_t start = at_++;
    Json::Object members;
    skip_space();
    if (take('}')) return members;
    do {
      skip_space();
      if (peek() != '"') expected("a key in double quotes");
      std::string key = string();
      skip_space();
      if (!take(':')) expected("':' after the key " + quoted(key));
      members.emplace_back(std::move(key), value(depth));
      skip_space();
    } while (take(','));
    if (!take('}')) expected("',' or '}'");
    check_unique(members, start);
    return members;
  }

  // Sorting, not hashing: no choice of keys makes it slow.
  void check_unique(const Json::Object& members, std::size_t start) const {
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const Json::Member& member : members) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) error(start, "expected every key once, received " + quoted(*twice) + " twice");
  }

  Json number() {
    const std::size_t start = at_;
    const bool negative = take('-');
    if (take("Infinity")) {
      return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    }
    if (take('0')) {
      if (is_digit(peek())) error(start, "expected a number without leading zeros");
    } else {
      digits();
    }
    bool integer = true;
    if (take('.')) {
      integer = false;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      ++at_;
      if (!take('+')) (void)take('-');
      digits();
    }
    const std::string_view token = text_.substr(start, at_ - start);
    if (integer) {
      const char* const end = token.data() + token.size();
      std::int64_t value = 0;
      if (std::from_chars(token.data(), end, value).ec == std::errc()) return value;
      std::uint64_t big = 0;  // seeds and counters
      if (!negative && std::from_chars(token.data(), end, big).ec == std::errc()) return big;
      error(start, "expected an integer that fits 64 bits, received " + quoted(token) + "; store it as text");
    }
    double value = 0;
    if (std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc()) return value;
    error(start, "expected a number in the range of float64, received " + quoted(token));
  }

  void digits() {
    if (!is_digit(peek())) expected("a digit");
    while (is_digit(peek())) ++at_;
  }

  std::string string() {
    ++at_;
    std::string out;
    for (;;) {
      const std::size_t start = at_;
      while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
      out.append(text_, start, at_ - start);
      if (at_ >= text_.size()) expected("'\"' at the end of a string");
      if (take('"')) return out;
      if (take('\\')) {
        escape(out);
      } else if (static_cast<unsigned char>(text_[at_]) < 0x20) {
        expected("control characters in a string to be escaped");
      } else {
        const std::size_t length = utf8_length(text_.substr(at_));
        if (length == 0) expected("UTF-8");
        out.append(text_, at_, length);
        at_ += length;
      }
    }
  }

  void escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    if (take('u')) {
      append_utf8(out, code_point());
      return;
    }
    const std::size_t which = at_ < text_.size() ? letters.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) expected("one of \" \\ / b f n r t u after a backslash");
    out += meanings[which];
    ++at_;
  }

  std::uint32_t hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const std::size_t digit =
          std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (at_ >= text_.size() || digit == std::string_view::npos) expected("four hexadecimal digits after \\u");
      value = value * 16 + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return value;
  }

  // Characters beyond U+FFFF are written as two \u escapes, a high surrogate and a low one.
  std::uint32_t code_point() {
    const std::size_t start = at_ - 2;
    const std::uint32_t high = hex4();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high <= 0xDBFF && take("\\u")) {
      const std::uint32_t low = hex4();
      if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10U) + (low - 0xDC00);
    }
    error(start, "expected a pair of surrogates, received one alone");
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0U | (code >> 6U));
      put(0x80U | (code & 63U));
    } else if (code < 0x10000) {
      put(0xE0U | (code >> 12U));
      put(0x80U | ((code >> 6U) & 63U));
      put(0x80U | (code & 63U));
    } else {
      put(0xF0U | (code >> 18U));
      put(0x80U | ((code >> 12U) & 63U));
      put(0x80U | ((code >> 6U) & 63U));
      put(0x80U | (code & 63U));
    }
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text, std::string_view name) { return Parser(text, name).document(); }

}  // namespace ranvier::io
