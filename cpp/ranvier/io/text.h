// UTF-8, and text from outside made fit for an error message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ranvier::io {

/// Bytes of the UTF-8 character at the start of `text`; 0 when there is none (RFC 3629: no overlong forms, no
/// surrogates).
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

/// `text` with control characters and bytes that are not UTF-8 written as \xNN: safe to print, whatever a file held.
std::string printable(std::string_view text);
/// The same in single quotes, cut when long.
std::string quoted(std::string_view text);

}  // namespace ranvier::io
