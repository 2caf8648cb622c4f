// Lists of texts from the command line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/text/tokenizer.h"

namespace lupo::cli {

// The lines of a file, or of standard input for "-", without their ends; the newline that ends the last one begins no other.
// Errors as read_input, and {cli, file-empty}.
Result<std::vector<std::string>> read_lines(const std::string& path, std::string_view option);

// {runtime, empty-text} names the first text that has no tokens.
Result<void> check_not_empty(std::span<const std::vector<TokenId>> texts);

}  // namespace lupo::cli
