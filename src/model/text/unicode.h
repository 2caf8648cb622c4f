// UTF-8 as the tokenizers need it: checking, stepping, writing. No tables; character classes come from PCRE2 and utf8proc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lupo {

struct CodePoint {
  char32_t value;  // U+FFFD when not valid
  uint8_t bytes;   // 1 when not valid
  bool valid;
};

// The code point at the start of `text`, which is not empty. Overlong forms and surrogates are not valid (RFC 3629).
CodePoint first_code_point(std::string_view text);

// Bytes of the longest valid UTF-8 prefix.
size_t valid_utf8_prefix(std::string_view text);

void append_utf8(std::string& text, char32_t code_point);

// Bytes that a sequence with this first byte claims to have; 1 for a byte that cannot be first.
inline size_t utf8_length(char first) {
  const auto byte = static_cast<uint8_t>(first);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF8 ? 4 : 1;
}

inline constexpr std::string_view kEscapedSpace = "\xE2\x96\x81";  // U+2581, SentencePiece's visible space

std::string escape_spaces(std::string_view text, bool prefix);  // ' ' → U+2581, one more in front when `prefix`
std::string unescape_spaces(std::string_view text);             // U+2581 → ' '

}  // namespace lupo
