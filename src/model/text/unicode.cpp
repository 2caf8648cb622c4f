#include "model/text/unicode.h"

#include <cstring>

namespace lupo {

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  constexpr CodePoint kInvalid{0xFFFD, 1, false};
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4 || !follows(1)) return kInvalid;
  if (lead < 0xE0) return {static_cast<char32_t>((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2, true};
  if (!follows(2)) return kInvalid;
  if (lead < 0xF0) {
    const char32_t value = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    const bool valid = value >= 0x800 && (value < 0xD800 || value > 0xDFFF);
    return valid ? CodePoint{value, 3, true} : kInvalid;
  }
  if (!follows(3)) return kInvalid;
  const char32_t value = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return value >= 0x10000 && value <= 0x10FFFF ? CodePoint{value, 4, true} : kInvalid;
}

size_t valid_utf8_prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    if (at + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const CodePoint code_point = first_code_point(text.substr(at));
    if (!code_point.valid) break;
    at += code_point.bytes;
  }
  return at;
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      put(0xE0 | code_point >> 12);
    } else {
      put(0xF0 | code_point >> 18);
      put(0x80 | (code_point >> 12 & 0x3F));
    }
    put(0x80 | (code_point >> 6 & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

std::string escape_spaces(std::string_view text, bool prefix) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 2 + kEscapedSpace.size());
  if (prefix) escaped += kEscapedSpace;
  size_t at = 0;
  for (size_t space; (space = text.find(' ', at)) != text.npos; at = space + 1) {
    escaped.append(text, at, space - at);
    escaped += kEscapedSpace;
  }
  return escaped.append(text, at);
}

std::string unescape_spaces(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  size_t at = 0;
  for (size_t space; (space = text.find(kEscapedSpace, at)) != text.npos; at = space + kEscapedSpace.size()) {
    plain.append(text, at, space - at);
    plain += ' ';
  }
  return plain.append(text, at);
}

}  // namespace lupo
