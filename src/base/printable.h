// Text that is safe to print: file contents, names and model output may hold control bytes or invalid UTF-8.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lupo {

// `text` with control bytes (but \n and \t) as \xNN and invalid UTF-8 as U+FFFD; cut to bytes_max with "…" when longer.
std::string printable(std::string_view text, size_t bytes_max = 4096);

// Valid UTF-8: every byte that is not part of a well-formed sequence becomes U+FFFD. For JSON strings.
std::string valid_utf8(std::string_view text);

// `text` as one word of a command for sh, printable and cut to 400 bytes: quoted where a letter of it means something to a shell.
std::string shell_word(std::string_view text);

// Letters of ASCII in lower case, all else as it is.
std::string in_lower_case(std::string_view text);

// The candidate nearest to `name` by edit distance, or "" when none is near (more than a third of its letters differ).
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace lupo
