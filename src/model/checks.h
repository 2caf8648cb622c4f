// What the model layer notices: is this a model to talk to, and is it what its name says. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"
#include "model/gguf/gguf.h"

namespace lupo {

// Codes: base-model, template-missing, pre-tokenizer-missing, tokenizer-notes, and those of gguf::check_file_name (some of these
// are findings of the quantization layer). `tokenizer_notes` are Tokenizer::notes().
std::vector<Finding> check_model(const gguf::File& file, std::span<const std::string> tokenizer_notes);

}  // namespace lupo
