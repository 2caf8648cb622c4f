// Token ids as a user writes them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/text/tokenizer.h"

namespace lupo::cli {

// "1,2,3" as it is; nothing is added. Error {cli, usage} for what is no list of ids of the vocabulary.
Result<std::vector<TokenId>> parse_ids(const std::string& text, int64_t n_vocab);

}  // namespace lupo::cli
