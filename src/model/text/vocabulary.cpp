#include "model/text/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/printable.h"

namespace lupo {
namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens", kKinds = "tokenizer.ggml.token_type",
                           kScores = "tokenizer.ggml.scores";
constexpr std::string_view kRepair =
    "lupo inspect FILE  # then get the model from another source: this file is damaged or was badly converted";

}  // namespace

IndexTable::IndexTable(size_t n_entries) : slots_(std::bit_ceil(2 * n_entries + 1), kEmpty), mask_(slots_.size() - 1) {}

void IndexTable::insert(uint64_t hash, uint32_t index) {
  size_t slot = hash & mask_;
  while (slots_[slot] != kEmpty) slot = (slot + 1) & mask_;
  slots_[slot] = static_cast<uint32_t>(hash >> 56) << 24 | index;
}

int byte_token_value(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data() + 3, text.data() + 5, value, 16);
  return problem == std::errc() && end == text.data() + 5 ? static_cast<int>(value) : -1;
}

Result<gguf::ArrayView> tokenizer_array(const gguf::Metadata& metadata, std::string_view key,
                                        std::initializer_list<gguf::ValueType> element_types) {
  const gguf::Value* value = metadata.find(key);
  if (!value)
    return fail(Layer::model, "missing-key", fmt::format("the tokenizer needs the key {}, which the file lacks", key),
                std::string(kRepair));
  std::string wanted;
  for (const gguf::ValueType type : element_types) wanted += (wanted.empty() ? "" : " or ") + std::string(value_type_name(type));
  const auto* array = std::get_if<gguf::ArrayView>(&value->data);
  if (array && std::ranges::find(element_types, array->element) != element_types.end()) return *array;
  const std::string found =
      array ? fmt::format("an array of {}", value_type_name(array->element)) : std::string(value_type_name(value->type));
  return fail(Layer::model, "wrong-type", fmt::format("{} is {}; wanted an array of {}", key, found, wanted),
              std::string(kRepair));
}

std::unexpected<Error> broken_array(std::string_view key, uint64_t index) {
  return fail(Layer::model, "bad-vocabulary", fmt::format("{}[{}]: the string is longer than the array", key, index),
              std::string(kRepair));
}

Result<std::shared_ptr<Tokenizer::Vocabulary>> Tokenizer::Vocabulary::load(const gguf::Metadata& metadata,
                                                                           std::vector<std::string>& notes) {
  auto vocabulary = std::make_shared<Vocabulary>();
  TRY(vocabulary->load_texts(metadata, notes));
  TRY(vocabulary->load_kinds(metadata));
  TRY(vocabulary->load_scores(metadata));
  return vocabulary;
}

Result<void> Tokenizer::Vocabulary::load_texts(const gguf::Metadata& metadata, std::vector<std::string>& notes) {
  TRY_ASSIGN(const gguf::ArrayView array, tokenizer_array(metadata, kTokens, {gguf::ValueType::string}));
  if (array.count == 0 || array.count >= IndexTable::kNone || array.bytes.size() > UINT32_MAX) {
    return fail(Layer::model, "bad-vocabulary",
                fmt::format("{} has {} tokens in {} bytes; wanted 1 to {} tokens in less than 4 GiB", kTokens, array.count,
                            array.bytes.size(), IndexTable::kNone - 1),
                std::string(kRepair));
  }
  strings = reinterpret_cast<const char*>(array.bytes.data());
  place.reserve(array.count);
  by_text = IndexTable(array.count);
  size_t n_repeated = 0, n_empty = 0;
  std::string example;
  TRY(for_each_string(array, kTokens, [&](uint64_t id, size_t at, std::string_view token) {
    place.push_back(static_cast<uint32_t>(at));
    longest = std::max(longest, token.size());
    const uint64_t hash = hash_text(token);
    if (token.empty()) {
      ++n_empty;
    } else if (by_text.find(hash, [&](uint32_t other) { return text(static_cast<TokenId>(other)) == token; }) !=
               IndexTable::kNone) {
      if (n_repeated++ == 0) example = fmt::format("\"{}\" (id {})", printable(token, 40), id);
    } else {
      by_text.insert(hash, static_cast<uint32_t>(id));
    }
    return true;
  }));
  if (n_repeated > 0)
    notes.push_back(
        fmt::format("{} tokens repeat the text of an earlier one and are never produced, first {}", n_repeated, example));
  if (n_empty > 0) notes.push_back(fmt::format("{} tokens have no text and are never produced", n_empty));
  for (int byte = 0; byte < 256; ++byte) {
    const TokenId id = find(fmt::format("<0x{:02X}>", byte));
    byte_tokens[byte] = id >= 0 ? id : find(std::string(1, static_cast<char>(byte)));
  }
  return {};
}

Result<void> Tokenizer::Vocabulary::load_kinds(const gguf::Metadata& metadata) {
  kind.assign(place.size(), TokenKind::normal);
  if (!metadata.find(kKinds)) return {};
  TRY_ASSIGN(const gguf::ArrayView array, tokenizer_array(metadata, kKinds, {gguf::ValueType::i32, gguf::ValueType::u32}));
  if (array.count != place.size()) {
    return fail(Layer::model, "bad-vocabulary",
                fmt::format("{} has {} entries; {} has {}", kKinds, array.count, kTokens, place.size()), std::string(kRepair));
  }
  for (size_t id = 0; id < kind.size(); ++id) {
    uint32_t value;
    std::memcpy(&value, array.bytes.data() + id * sizeof value, sizeof value);
    // 0 ("undefined") and values from after this was written are kept out of decoded text, as unused tokens are.
    kind[id] = value >= 1 && value <= 6 ? static_cast<TokenKind>(value) : TokenKind::unused;
  }
  return {};
}

Result<void> Tokenizer::Vocabulary::load_scores(const gguf::Metadata& metadata) {
  if (!metadata.find(kScores)) return {};
  TRY_ASSIGN(const gguf::ArrayView array, tokenizer_array(metadata, kScores, {gguf::ValueType::f32, gguf::ValueType::i32}));
  if (array.count != place.size()) {
    return fail(Layer::model, "bad-vocabulary",
                fmt::format("{} has {} entries; {} has {}", kScores, array.count, kTokens, place.size()), std::string(kRepair));
  }
  scores = array.bytes;
  scores_are_integers = array.element == gguf::ValueType::i32;
  for (TokenId id = 0; id < size(); ++id) {
    if (std::isnan(score(id)))
      return fail(Layer::model, "bad-value", fmt::format("{}[{}] is not a number", kScores, id), std::string(kRepair));
  }
  return {};
}

TokenId Tokenizer::Vocabulary::find(std::string_view wanted) const {
  if (wanted.empty() || wanted.size() > longest) return -1;
  const uint32_t id =
      by_text.find(hash_text(wanted), [&](uint32_t candidate) { return text(static_cast<TokenId>(candidate)) == wanted; });
  return id == IndexTable::kNone ? -1 : static_cast<TokenId>(id);
}

float Tokenizer::Vocabulary::score(TokenId id) const {
  if (scores.empty()) return 0;
  uint32_t bits;
  std::memcpy(&bits, scores.data() + static_cast<size_t>(id) * sizeof bits, sizeof bits);
  return scores_are_integers ? static_cast<float>(static_cast<int32_t>(bits)) : std::bit_cast<float>(bits);
}

}  // namespace lupo
