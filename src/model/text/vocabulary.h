// The vocabulary of a tokenizer: views of the tokens' texts in the GGUF mapping, their kinds and scores, and a table from
// text to id. Private to this folder.
//
// Memory: 4 bytes a token for its place in the file, 1 for its kind, and 8 to 16 for the table: 3.5 MB for 262,144 tokens.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "model/text/special.h"
#include "model/text/tokenizer.h"

namespace lupo {

// A hash of short strings: 64 bits, of which tables use the low ones as an index and the top 8 as a tag.
inline uint64_t hash_text(std::string_view text) {
  constexpr uint64_t kFactor = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio, odd: multiplication spreads every bit upwards
  const auto load = [&](size_t at, size_t bytes) {
    uint64_t value = 0;
    std::memcpy(&value, text.data() + at, bytes);
    return value;
  };
  const auto mix = [](uint64_t value) {
    const unsigned __int128 product = static_cast<unsigned __int128>(value) * kFactor;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  uint64_t hash = text.size() * kFactor;
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) hash = mix(hash ^ load(at, 8));
  const size_t rest = text.size() - at;
  if (rest >= 4) return mix(hash ^ (load(at, 4) | load(text.size() - 4, 4) << 32));
  uint64_t tail = 0;
  for (; at < text.size(); ++at) tail = tail << 8 | static_cast<uint8_t>(text[at]);
  return mix(hash ^ tail);
}

// A string as GGUF keeps it: 8 bytes of length, then the text. `at` was checked when its array was read.
inline std::string_view string_at(const char* at) {
  uint64_t length;
  std::memcpy(&length, at, sizeof length);
  return {at + sizeof length, length};
}

// An open-addressing table of 24-bit indices into somebody else's entries, each with 8 bits of its hash, at most half full.
class IndexTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFF;  // also the number of entries it can hold

  explicit IndexTable(size_t n_entries = 0);

  // The first index stored under `hash` for which same(index) holds, else kNone.
  template <class Same>
  uint32_t find(uint64_t hash, Same&& same) const {
    for (size_t slot = hash & mask_;; slot = (slot + 1) & mask_) {
      const uint32_t entry = slots_[slot];
      if (entry == kEmpty) return kNone;
      if (entry >> 24 == hash >> 56 && same(entry & 0xFFFFFF)) return entry & 0xFFFFFF;
    }
  }
  void insert(uint64_t hash, uint32_t index);  // index < kNone

 private:
  static constexpr uint32_t kEmpty = 0xFFFFFFFF;
  std::vector<uint32_t> slots_;  // [power of two] tag << 24 | index
  size_t mask_;
};

struct Tokenizer::Vocabulary {
  // Reads tokens, token_type and scores of tokenizer.ggml.*; what is odd but harmless goes to `notes`.
  static Result<std::shared_ptr<Vocabulary>> load(const gguf::Metadata& metadata, std::vector<std::string>& notes);

  int32_t size() const { return static_cast<int32_t>(kind.size()); }
  std::string_view text(TokenId id) const { return string_at(strings + place[static_cast<size_t>(id)]); }
  TokenId find(std::string_view text) const;
  float score(TokenId id) const;                                        // 0 when the file has none
  TokenId byte_token(uint8_t byte) const { return byte_tokens[byte]; }  // "<0x0A>", else the byte itself; −1 when there is none

  const char* strings = nullptr;      // the array's data in the mapping
  std::vector<uint32_t> place;        // [n_vocab] from `strings`
  std::vector<TokenKind> kind;        // [n_vocab]
  std::span<const std::byte> scores;  // [n_vocab] × f32 or i32 in the mapping, unaligned; empty when the file has none
  bool scores_are_integers = false;
  size_t longest = 0;  // bytes of the longest token
  TokenId byte_tokens[256];
  IndexTable by_text;
  SpecialMatcher special, user_defined;  // all that encode recognises; those that it recognises always
  std::vector<TokenId> ends;             // sorted: tokens that end a generation

 private:
  Result<void> load_texts(const gguf::Metadata& metadata, std::vector<std::string>& notes);
  Result<void> load_kinds(const gguf::Metadata& metadata);
  Result<void> load_scores(const gguf::Metadata& metadata);
};

// The value of "<0x0A>" (exactly two hexadecimal digits), −1 for any other text.
int byte_token_value(std::string_view text);

// An array of tokenizer.ggml.* with its element type checked: {model, missing-key} or {model, wrong-type}.
Result<gguf::ArrayView> tokenizer_array(const gguf::Metadata& metadata, std::string_view key,
                                        std::initializer_list<gguf::ValueType> element_types);

// Calls each(index, place, text) for the strings of an array until it returns false; place is the offset of the length.
// An Error when a length leaves the array.
template <class Each>
Result<void> for_each_string(const gguf::ArrayView& array, std::string_view key, Each&& each);
std::unexpected<Error> broken_array(std::string_view key, uint64_t index);

template <class Each>
Result<void> for_each_string(const gguf::ArrayView& array, std::string_view key, Each&& each) {
  const char* data = reinterpret_cast<const char*>(array.bytes.data());
  size_t at = 0;
  for (uint64_t i = 0; i < array.count; ++i) {
    uint64_t length = 0;
    if (array.bytes.size() - at < sizeof length) return broken_array(key, i);
    std::memcpy(&length, data + at, sizeof length);
    if (length > array.bytes.size() - at - sizeof length) return broken_array(key, i);
    if (!each(i, at, std::string_view(data + at + sizeof length, length))) return {};
    at += sizeof length + length;
  }
  return {};
}

}  // namespace lupo
