// Lines of text for a terminal of some width.
//
// A code point counts as one column, which is right for what we print ourselves; text must be printable (base/printable.h) and
// free of colour codes, which are put around pieces afterwards.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lupo {

int columns_of(std::string_view text);

// `text`, which begins in column `indent`, broken at blanks so that no line is wider than `columns`; further lines begin in that
// column too. What has no blank stays whole: a path, a word.
std::string wrapped(std::string_view text, int columns, int indent);

// The same of items that must not be broken, with `between` them on a line ("  ", " · ").
std::string wrapped(std::span<const std::string> items, std::string_view between, int columns, int indent);

// What a terminal without UTF-8 can show: bars, arrows, dashes and units by their nearest letters, the rest as '?'.
std::string in_ascii(std::string_view text);

}  // namespace lupo
