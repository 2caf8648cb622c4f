// Special tokens: finding them in a text, and what a model's metadata and vocabulary say of their roles.
// Private to this folder.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "model/text/tokenizer.h"

namespace lupo {

// Finds the tokens of a set in a text, leftmost first and of those the longest.
class SpecialMatcher {
 public:
  struct Match {
    size_t begin = 0, end = 0;  // with the spaces that the token swallows
    TokenId id = -1;            // −1: no more
  };

  SpecialMatcher() = default;
  SpecialMatcher(const Tokenizer::Vocabulary& vocabulary, std::vector<TokenId> ids);

  // `id`, if it is of the set, takes the ASCII white space before (left) or after (right) it with it.
  void swallow_space(TokenId id, bool left, bool right);
  Match next(const Tokenizer::Vocabulary& vocabulary, std::string_view text, size_t from) const;
  const std::vector<TokenId>& ids() const { return ids_; }

 private:
  uint32_t begin_of(uint8_t first) const { return first == 0 ? 0 : end_[first - 1]; }
  Match longest_at(const Tokenizer::Vocabulary& vocabulary, std::string_view text, size_t at) const;

  std::vector<TokenId> ids_;           // sorted by text
  std::array<uint32_t, 256> end_{};    // [first byte] in ids_
  std::vector<TokenId> left_, right_;  // few
};

struct Roles {
  SpecialTokens tokens;
  bool add_bos = false, add_eos = false;
};

// Reads tokenizer.ggml.*_token_id and add_*_token over the defaults of the kind, finds what the metadata leaves open by
// well-known texts, corrects kinds of tokens that are special by their text, and fills vocabulary.ends and the matchers.
// An id of bos, eos or unk outside the vocabulary is an Error {model, bad-token-id}; of another role, it is noted and ignored.
Result<Roles> resolve_roles(const gguf::Metadata& metadata, Roles defaults, Tokenizer::Vocabulary& vocabulary,
                            std::vector<std::string>& notes);

}  // namespace lupo
