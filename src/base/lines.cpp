#include "base/lines.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace lupo {
namespace {

bool begins_character(char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kPlain = {{{"█", "#"},
                                                                                   {"▓", "="},
                                                                                   {"▒", "+"},
                                                                                   {"░", "."},
                                                                                   {"╱", "/"},
                                                                                   {"·", "|"},
                                                                                   {"–", "-"},
                                                                                   {"—", "-"},
                                                                                   {"−", "-"},
                                                                                   {"×", "x"},
                                                                                   {"…", "..."},
                                                                                   {"←", "<-"},
                                                                                   {"→", "->"},
                                                                                   {"µ", "u"},
                                                                                   {"≈", "~"},
                                                                                   {"’", "'"}}};

}  // namespace

int columns_of(std::string_view text) { return static_cast<int>(std::ranges::count_if(text, begins_character)); }

std::string wrapped(std::span<const std::string> items, std::string_view between, int columns, int indent) {
  std::string out;
  int at = indent;
  for (const std::string& item : items) {
    const int width = columns_of(item), gap = columns_of(between);
    if (out.empty()) {
      out = item;
      at += width;
    } else if (at + gap + width <= columns) {
      out.append(between).append(item);
      at += gap + width;
    } else {
      out.append("\n").append(static_cast<size_t>(indent), ' ').append(item);
      at = indent + width;
    }
  }
  return out;
}

std::string wrapped(std::string_view text, int columns, int indent) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(" \n\t"), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return wrapped(words, " ", columns, indent);
}

std::string in_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto* known = std::ranges::find_if(kPlain, [&](const auto& pair) { return text.starts_with(pair.first); });
    size_t n = 1;
    if (known != kPlain.end()) {
      out += known->second;
      n = known->first.size();
    } else if (static_cast<uint8_t>(text[0]) < 0x80) {
      out += text[0];
    } else {
      out += '?';
      while (n < text.size() && !begins_character(text[n])) ++n;
    }
    text.remove_prefix(n);
  }
  return out;
}

}  // namespace lupo
