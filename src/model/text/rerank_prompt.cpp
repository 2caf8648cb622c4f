#include "model/text/rerank_prompt.h"

#include <algorithm>
#include <array>

namespace lupo {
namespace {

constexpr std::string_view kTemplate = "tokenizer.chat_template.rerank", kAddSep = "tokenizer.ggml.add_sep_token";

std::string fill(std::string_view text, std::string_view query, std::string_view document) {
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const bool is_query = rest.starts_with("{query}"), is_document = rest.starts_with("{document}");
    filled += is_query ? query : is_document ? document : rest.substr(0, 1);
    at += is_query ? 7 : is_document ? 10 : 1;
  }
  return filled;
}

// Whether a separator stands between two texts beside the token that ends the first. Files of these kinds need not say it; a bert
// file that ends no text does separate two.
Result<bool> adds_separator(const gguf::Metadata& metadata, const Tokenizer& tokenizer) {
  constexpr std::array<std::string_view, 3> kSeparating{"jina-v1-en", "jina-v2-code", "roberta-bpe"};
  if (metadata.find(kAddSep) != nullptr) return metadata.boolean(kAddSep);
  return std::ranges::find(kSeparating, tokenizer.pre()) != kSeparating.end() ||
         (tokenizer.model() == "bert" && tokenizer.last_added() < 0);
}

}  // namespace

Result<std::vector<TokenId>> rerank_ids(const gguf::Metadata& metadata, const Tokenizer& tokenizer, std::string_view query,
                                        std::string_view document) {
  if (metadata.find(kTemplate) != nullptr) {
    TRY_ASSIGN(const std::string_view text, metadata.string(kTemplate));
    return tokenizer.encode(fill(text, query, document), {.add_special = false, .parse_special = true});
  }
  TRY_ASSIGN(const bool separates, adds_separator(metadata, tokenizer));
  std::vector<TokenId> ids;
  const auto add = [&](TokenId id) {
    if (id >= 0) ids.push_back(id);
  };
  const auto add_text = [&](std::string_view text) {
    const std::vector<TokenId> tokens = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    ids.insert(ids.end(), tokens.begin(), tokens.end());
  };
  add(tokenizer.first_added());
  add_text(query);
  add(tokenizer.last_added());
  if (separates) add(tokenizer.special().sep);
  add_text(document);
  add(tokenizer.last_added());
  return ids;
}

}  // namespace lupo
