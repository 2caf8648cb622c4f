// The four kinds of tokenizer, each made from a loaded vocabulary. Private to this folder.
#pragma once

#include <memory>

#include "model/text/tokenizer.h"

namespace lupo {

struct PreTokenizerRow;
using SharedVocabulary = std::shared_ptr<const Tokenizer::Vocabulary>;

// Byte-level BPE, or with row.raw_utf8 BPE over UTF-8 with byte tokens. Notes merges that it ignores.
Result<std::unique_ptr<Tokenizer>> make_bpe(const gguf::Metadata& metadata, SharedVocabulary vocabulary,
                                            const PreTokenizerRow& row, std::vector<std::string>& notes);
std::unique_ptr<Tokenizer> make_sentencepiece(SharedVocabulary vocabulary, bool add_space_prefix, TokenId unknown);
Result<std::unique_ptr<Tokenizer>> make_wordpiece(const gguf::Metadata& metadata, SharedVocabulary vocabulary, TokenId unknown);
Result<std::unique_ptr<Tokenizer>> make_unigram(const gguf::Metadata& metadata, SharedVocabulary vocabulary,
                                                bool add_space_prefix, TokenId unknown);

}  // namespace lupo
