// JSON as text.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "ranvier/io/json.h"
#include "ranvier/io/text.h"

namespace ranvier::io {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

class Printer {
 public:
  explicit Printer(int indent) : indent_(indent) {}

  void print(const Json& value, int depth) {
    switch (value.kind()) {
      case Json::Kind::null:
        out += "null";
        break;
      case Json::Kind::boolean:
        out += value.as_flag() ? "true" : "false";
        break;
      case Json::Kind::integer:
        append(value.as_integer());
        break;
      case Json::Kind::big_integer:
        append(value.as<std::uint64_t>());
        break;
      case Json::Kind::number:
        number(value.as_number());
        break;
      case Json::Kind::text:
        string(value.as_text());
        break;
      case Json::Kind::array:
        array(value.as_array(), depth);
        break;
      case Json::Kind::object:
        object(value.as_object(), depth);
        break;
    }
  }

  std::string out;

 private:
  template <class T>
  void append(T value) {
    std::array<char, 40> buffer{};
    out.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
  }

  void number(double value) {
    if (std::isnan(value)) {
      out += "NaN";
    } else if (std::isinf(value)) {
      out += value > 0 ? "Infinity" : "-Infinity";
    } else {
      const std::size_t start = out.size();
      append(value);  // the shortest digits that read back to the same bits
      if (out.find_first_of(".e", start) == std::string::npos) out += ".0";  // stays a float when read
    }
  }

  void string(const std::string& text) {
    check(is_utf8(text), "JSON: expected text in UTF-8, received ", quoted(text));
    out += '"';
    for (const char c : text) {
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          if (static_cast<unsigned char>(c) >= 0x20) {
            out += c;
          } else {
            out += "\\u00";
            out += hex_digits[static_cast<std::size_t>(c) >> 4U];
            out += hex_digits[static_cast<std::size_t>(c) & 15U];
          }
      }
    }
    out += '"';
  }

  static void check_depth(int depth) {
    check(depth < Json::max_depth, "JSON: expected at most ", Json::max_depth, " levels of nesting");
  }

  void array(const Json::Array& values, int depth) {
    check_depth(depth);
    const bool flat = std::all_of(values.begin(), values.end(), [](const Json& v) { return v.is_number(); });
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += flat && indent_ >= 0 ? ", " : ",";
      if (!flat) new_line(depth + 1);
      print(values[i], depth + 1);
    }
    if (!flat) new_line(depth);
    out += ']';
  }

  void object(const Json::Object& members, int depth) {
    check_depth(depth);
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ',';
      new_line(depth + 1);
      string(members[i].first);
      out += indent_ >= 0 ? ": " : ":";
      print(members[i].second, depth + 1);
    }
    if (!members.empty()) new_line(depth);
    out += '}';
  }

  void new_line(int depth) {
    if (indent_ < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent_ * depth), ' ');
  }

  int indent_;
};

}  // namespace

std::string Json::dump(int indent) const {
  Printer printer(indent);
  printer.print(*this, 0);
  return std::move(printer.out);
}

}  // namespace ranvier::io
