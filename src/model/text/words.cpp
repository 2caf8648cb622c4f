#include "model/text/words.h"

#include <algorithm>
#include <bit>

#include "model/text/unicode.h"

namespace lupo {

WordCache::WordCache(std::string_view text)
    : text_(text.data()), entries_(std::clamp<size_t>(std::bit_ceil(text.size() / 8 + 1), 16, 1 << 16)) {}

namespace {

// Bytes of the space that `text` has at `at`, 0 when there is none.
size_t space_at(std::string_view text, size_t at) {
  if (text[at] == ' ') return 1;
  return text[at] == kEscapedSpace[0] && text.substr(at).starts_with(kEscapedSpace) ? kEscapedSpace.size() : 0;
}

}  // namespace

void WordCuts::join_inside(std::string_view token) {
  const std::string text = unescape_spaces(token);
  for (size_t at = 1; at < text.size(); ++at)
    joined_.set(size_t{static_cast<uint8_t>(text[at - 1])} << 8 | static_cast<uint8_t>(text[at]));
}

void WordCuts::join(std::string_view left, std::string_view right) {
  const uint8_t last = left.ends_with(kEscapedSpace) ? ' ' : static_cast<uint8_t>(left.back());
  const uint8_t first = space_at(right, 0) > 0 ? ' ' : static_cast<uint8_t>(right[0]);
  joined_.set(size_t{last} << 8 | first);
}

// A space is a character of its own whatever comes before: a sequence that is cut short ends there.
size_t WordCuts::word_end(std::string_view text, size_t begin, bool after_space) const {
  bool is_inside = after_space;
  uint8_t last = ' ';
  for (size_t at = begin; at < text.size(); is_inside = true) {
    size_t bytes = space_at(text, at);
    const uint8_t first = bytes > 0 ? ' ' : static_cast<uint8_t>(text[at]);
    if (is_inside && !joined(last, first)) return at;
    last = ' ';
    if (bytes == 0) {
      const size_t end = std::min(at + utf8_length(text[at]), text.size());
      for (bytes = 1; at + bytes < end && space_at(text, at + bytes) == 0;) ++bytes;
      last = static_cast<uint8_t>(text[at + bytes - 1]);
    }
    at += bytes;
  }
  return text.size();
}

}  // namespace lupo
