// The parts of the Unigram tokenizer that stand alone: the normaliser and the trie. Private to this folder.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/tokenizer.h"

namespace lupo {

// SentencePiece's precompiled character map: a trie from byte sequences to their normalised text, as an XOR-compressed compact
// double array of 32-bit units (Kanda 2018; the format of Darts-clone). Units and texts stay in the mapping.
class CharsMap {
 public:
  CharsMap() = default;
  // {model, bad-charsmap} when the sizes do not fit; the units themselves are checked as they are walked.
  static Result<CharsMap> open(std::span<const std::byte> blob);

  struct Replacement {
    std::string_view text;
    size_t consumed = 0;  // bytes of the input; 0: no entry matches
  };
  Replacement longest(std::string_view input) const;  // the longest entry that is a prefix of the input

 private:
  std::optional<uint32_t> unit(size_t index) const;

  std::span<const std::byte> units_;  // 4 bytes each, unaligned
  std::string_view texts_;            // each ends with a zero byte
};

// A trie over tokens. 12 bytes a node; the children of a node lie side by side, sorted by byte.
class TokenTrie {
 public:
  TokenTrie() { root_.fill(kNone); }
  TokenTrie(const Tokenizer::Vocabulary& vocabulary, std::span<const TokenId> ids);

  // Calls found(id, bytes) for every token that is a prefix of `text` (not empty), shortest first.
  template <class Found>
  void prefixes(std::string_view text, Found&& found) const {
    uint32_t node = root_[static_cast<uint8_t>(text[0])];
    for (size_t depth = 1; node != kNone; ++depth) {
      if (nodes_[node].id >= 0) found(nodes_[node].id, depth);
      node = depth < text.size() ? child(nodes_[node], static_cast<uint8_t>(text[depth])) : kNone;
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Node {
    TokenId id;  // −1: no token ends here
    uint32_t first_child;
    uint16_t n_children;
    uint8_t byte;
  };
  uint32_t child(const Node& parent, uint8_t byte) const;

  std::vector<Node> nodes_;
  std::array<uint32_t, 256> root_;  // by first byte
};

}  // namespace lupo
