// What a reranker is given: a query and a document as one text.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf/gguf.h"
#include "model/text/tokenizer.h"

namespace lupo {

// By the file's template "rerank" with {query} and {document}, whose special tokens are read wherever they stand; without one the
// special tokens that the model sets before, between and after two texts, of which none is read in the texts themselves.
Result<std::vector<TokenId>> rerank_ids(const gguf::Metadata& metadata, const Tokenizer& tokenizer, std::string_view query,
                                        std::string_view document);

}  // namespace lupo
