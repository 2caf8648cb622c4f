// Words of a text that merge independently of each other: where they end, and those that were seen before.
// Private to this folder.
#pragma once

#include <bitset>
#include <cstring>
#include <string_view>
#include <vector>

#include "model/text/tokenizer.h"
#include "model/text/vocabulary.h"

namespace lupo {

// Words of one text that were seen before. A word's ids depend on its bytes alone, so a repeat copies the ids that its
// first occurrence gave; nothing is stored but where both lie. One per encoded text.
class WordCache {
 public:
  explicit WordCache(std::string_view text);  // less than 4 GiB

  // Appends the ids of `word` (a part of the text) if it was seen; otherwise encode(word) must append them and is remembered.
  template <class Encode>
  void get(std::string_view word, std::vector<TokenId>& ids, Encode&& encode) {
    Entry& entry = entries_[hash_text(word) & (entries_.size() - 1)];
    if (entry.length == word.size() && std::memcmp(text_ + entry.begin, word.data(), word.size()) == 0) {
      ids.resize(ids.size() + entry.n_ids);
      std::memcpy(ids.data() + ids.size() - entry.n_ids, ids.data() + entry.ids_begin, entry.n_ids * sizeof(TokenId));
      return;
    }
    const size_t before = ids.size();
    encode(word);
    entry = {static_cast<uint32_t>(word.data() - text_), static_cast<uint32_t>(word.size()), static_cast<uint32_t>(before),
             static_cast<uint32_t>(ids.size() - before)};
  }

 private:
  struct Entry {
    uint32_t begin = 0, length = 0, ids_begin = 0, n_ids = 0;  // length 0: empty
  };
  const char* text_;
  std::vector<Entry> entries_;  // [power of two]
};

// Where a text falls into words by what tokens there are: between two characters that no token has beside each other, since no
// merge can span the two. For tokens that write a space as U+2581; texts have ' ' or U+2581 itself, which mean the same.
// Characters are known by their last and first bytes, which may join more than must be, never less.
class WordCuts {
 public:
  void join_inside(std::string_view token);                  // all neighbours within a token's text
  void join(std::string_view left, std::string_view right);  // merges make left + right; neither is empty

  // End of the word that begins at `begin` < text.size(). `after_space`: a space that is not in the text comes before `begin`,
  // and is of the word; the word may then have nothing else.
  size_t word_end(std::string_view text, size_t begin, bool after_space = false) const;

 private:
  bool joined(uint8_t last, uint8_t first) const { return joined_[size_t{last} << 8 | first]; }

  std::bitset<1 << 16> joined_;  // [last byte of a character << 8 | first byte of the next], U+2581 as ' '
};

}  // namespace lupo
