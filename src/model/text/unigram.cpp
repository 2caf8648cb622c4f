// Unigram ("t5"): of all ways to write the normalised text as tokens, the one with the highest sum of scores (Viterbi; Kudo
// 2018).
#include "model/text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "model/text/tokenizer_kinds.h"
#include "model/text/unicode.h"
#include "model/text/vocabulary.h"

namespace lupo {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst score of a token (SentencePiece)
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

class Unigram final : public Tokenizer {
 public:
  struct Options {
    bool add_space_prefix, remove_extra_spaces;
    TokenId unknown;
  };
  Unigram(SharedVocabulary vocabulary, CharsMap charsmap, Options options);

 protected:
  void encode_fragment(std::string_view fragment, bool first, WordCache& words, std::vector<TokenId>& ids) const override;

 private:
  // The best way to write a stretch up to one place: its last token.
  struct Best {
    double score = 0;
    TokenId id = -1;
    uint32_t bytes = 0;  // of that token; 0: no way leads here yet
  };

  std::string normalise(std::string_view text) const;
  CharsMap::Replacement normalise_prefix(std::string_view text) const;
  size_t search(std::string_view text, std::vector<Best>& best) const;

  CharsMap charsmap_;
  TokenTrie tokens_, user_defined_;
  double unknown_score_;
  Options options_;
};

Unigram::Unigram(SharedVocabulary vocabulary, CharsMap charsmap, Options options)
    : Tokenizer(std::move(vocabulary)), charsmap_(charsmap), options_(options) {
  std::vector<TokenId> tokens, user_defined;
  double lowest = 0;
  bool any = false;
  for (TokenId id = 0; id < vocabulary_->size(); ++id) {
    const TokenKind kind = vocabulary_->kind[static_cast<size_t>(id)];
    if (kind == TokenKind::normal) {
      lowest = any ? std::min<double>(lowest, vocabulary_->score(id)) : vocabulary_->score(id);
      any = true;
    }
    if (kind == TokenKind::normal || kind == TokenKind::user_defined || kind == TokenKind::unused) tokens.push_back(id);
    if (kind == TokenKind::user_defined) user_defined.push_back(id);
  }
  unknown_score_ = lowest - kUnknownPenalty;
  tokens_ = TokenTrie(*vocabulary_, tokens);
  user_defined_ = TokenTrie(*vocabulary_, user_defined);
}

CharsMap::Replacement Unigram::normalise_prefix(std::string_view text) const {
  size_t kept = 0;
  user_defined_.prefixes(text, [&](TokenId, size_t bytes) { kept = bytes; });
  if (kept > 0) return {text.substr(0, kept), kept};
  if (const CharsMap::Replacement replacement = charsmap_.longest(text); replacement.consumed > 0) return replacement;
  const CodePoint code_point = first_code_point(text);
  return {code_point.valid ? text.substr(0, code_point.bytes) : kReplacement, code_point.bytes};
}

// Spaces become U+2581; leading, trailing and repeated ones go where the model says so.
std::string Unigram::normalise(std::string_view text) const {
  std::string out;
  out.reserve(text.size() * 3 / 2);
  bool has_prefix = false, in_word = false;
  while (!text.empty()) {
    const CharsMap::Replacement part = normalise_prefix(text);
    text.remove_prefix(part.consumed);
    for (const char c : part.text) {
      if (c == ' ') {
        in_word = false;
        if (!options_.remove_extra_spaces) out += kEscapedSpace;
        continue;
      }
      if (!in_word && ((options_.add_space_prefix && !has_prefix) || options_.remove_extra_spaces)) {
        out += kEscapedSpace;
        has_prefix = true;
      }
      in_word = true;
      out += c;
    }
  }
  return out;
}

// Fills best[0 … n], n being the bytes of the shortest stretch of text that no token reaches over: the best way to write the
// whole text passes through its end. Returns n.
size_t Unigram::search(std::string_view text, std::vector<Best>& best) const {
  best.assign(1, {0, -1, 0});
  size_t at = 0, reach = 0;
  const auto offer = [&](TokenId id, size_t bytes, double score) {
    reach = std::max(reach, at + bytes);
    if (best.size() <= reach) best.resize(reach + 1);
    // A file may have scores of −∞ or whose sum is not a number: the first way counts whatever its score.
    Best& place = best[at + bytes];
    if (place.bytes == 0 || score > place.score) place = {score, id, static_cast<uint32_t>(bytes)};
  };
  do {
    const size_t character = std::min(utf8_length(text[at]), text.size() - at);
    const double before = best[at].score;
    bool has_character = false;
    tokens_.prefixes(text.substr(at), [&](TokenId id, size_t bytes) {
      // Scores are log probabilities, so that 0 prefers user-defined tokens to all others.
      offer(id, bytes, before + (kind(id) == TokenKind::user_defined ? 0.0 : vocabulary_->score(id)));
      has_character |= bytes == character;
    });
    if (!has_character) offer(options_.unknown, character, before + unknown_score_);
    at += character;
  } while (at < reach);
  return at;
}

void Unigram::encode_fragment(std::string_view fragment, bool, WordCache&, std::vector<TokenId>& ids) const {
  const std::string normalised = normalise(fragment);
  std::vector<Best> best;
  std::vector<TokenId> backwards;
  bool after_unknown = false;
  for (std::string_view text = normalised; !text.empty();) {
    const size_t n = search(text, best);
    backwards.clear();
    for (size_t at = n; at > 0; at -= best[at].bytes) backwards.push_back(best[at].id);
    for (const TokenId id : std::views::reverse(backwards)) {
      const bool is_unknown = id == options_.unknown;  // neighbouring unknown characters are one token
      if (id >= 0 && !(is_unknown && after_unknown)) ids.push_back(id);
      after_unknown = is_unknown;
    }
    text.remove_prefix(n);
  }
}

}  // namespace

Result<CharsMap> CharsMap::open(std::span<const std::byte> blob) {
  CharsMap map;
  uint32_t units_bytes = 0;
  if (blob.size() >= sizeof units_bytes) std::memcpy(&units_bytes, blob.data(), sizeof units_bytes);
  if (blob.size() < sizeof units_bytes || units_bytes % 4 != 0 || units_bytes >= blob.size() - sizeof units_bytes ||
      blob.back() != std::byte{0}) {
    return fail(
        Layer::model, "bad-charsmap",
        fmt::format(
            "tokenizer.ggml.precompiled_charsmap has {} bytes, of which it says {} are its trie; wanted a multiple of 4 that "
            "leaves room for texts that end with a zero byte",
            blob.size(), units_bytes),
        "get the model from another source, or convert it again");
  }
  map.units_ = blob.subspan(sizeof units_bytes, units_bytes);
  const auto texts = blob.subspan(sizeof units_bytes + units_bytes);
  map.texts_ = {reinterpret_cast<const char*>(texts.data()), texts.size()};
  return map;
}

std::optional<uint32_t> CharsMap::unit(size_t index) const {
  uint32_t value;
  if (index >= units_.size() / sizeof value) return std::nullopt;
  std::memcpy(&value, units_.data() + index * sizeof value, sizeof value);
  return value;
}

// A unit holds: bits 0–7 the byte that leads here and bit 31 clear; bit 8 whether a value hangs on it; bits 10–30 the offset
// to its children, shifted left by 8 when bit 9 is set. The unit of a value has bit 31 set and the value in bits 0–30.
CharsMap::Replacement CharsMap::longest(std::string_view input) const {
  const auto offset = [](uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 0x200) >> 6); };
  Replacement found;
  std::optional<uint32_t> node = unit(0);
  if (!node) return found;
  size_t index = offset(*node);
  for (size_t at = 0; at < input.size() && input[at] != 0; ++at) {
    const auto byte = static_cast<uint8_t>(input[at]);
    index ^= byte;
    node = unit(index);
    if (!node || (*node & 0x800000FF) != byte) break;
    index ^= offset(*node);
    if (!(*node & 0x100)) continue;
    const std::optional<uint32_t> value = unit(index);
    if (!value || (*value & 0x7FFFFFFF) >= texts_.size()) break;
    const std::string_view text = texts_.substr(*value & 0x7FFFFFFF);
    found = {text.substr(0, text.find('\0')), at + 1};
  }
  return found;
}

TokenTrie::TokenTrie(const Tokenizer::Vocabulary& vocabulary, std::span<const TokenId> ids) {
  root_.fill(kNone);
  // Sorted with the first eight bytes at hand, so that few comparisons and steps go to the texts themselves.
  struct Entry {
    uint64_t head;  // big-endian, so that it compares as text
    TokenId id;
    uint32_t bytes;
  };
  std::vector<Entry> entries;
  entries.reserve(ids.size());
  for (const TokenId id : ids) {
    const std::string_view text = vocabulary.text(id);
    uint64_t head = 0;
    for (size_t i = 0; i < 8; ++i) head = head << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0);
    if (!text.empty()) entries.push_back({head, id, static_cast<uint32_t>(text.size())});
  }
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    if (a.head != b.head) return a.head < b.head;
    const int order = vocabulary.text(a.id).compare(vocabulary.text(b.id));
    return order != 0 ? order < 0 : a.id < b.id;
  });
  // Breadth first: each open node is a range of entries that share their first `depth` bytes.
  struct Open {
    uint32_t node, low, high, depth;
  };
  std::vector<Open> open{{kNone, 0, static_cast<uint32_t>(entries.size()), 0}};
  for (size_t next = 0; next < open.size(); ++next) {
    const auto [node, low, high, depth] = open[next];
    const auto byte_of = [&, depth = depth](const Entry& entry) {
      return static_cast<uint8_t>(depth < 8 ? entry.head >> (56 - 8 * depth)
                                            : static_cast<uint64_t>(vocabulary.text(entry.id)[depth]));
    };
    uint32_t at = low;
    for (; at < high && entries[at].bytes == depth; ++at) {
      if (nodes_[node].id < 0) nodes_[node].id = entries[at].id;
    }
    if (node != kNone) nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
    while (at < high) {
      const uint8_t byte = byte_of(entries[at]);
      uint32_t end = at;
      while (end < high && byte_of(entries[end]) == byte) ++end;
      const auto child = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({-1, 0, 0, byte});
      node == kNone ? void(root_[byte] = child) : void(++nodes_[node].n_children);
      open.push_back({child, at, end, depth + 1});
      at = end;
    }
  }
  nodes_.shrink_to_fit();
}

uint32_t TokenTrie::child(const Node& parent, uint8_t byte) const {
  const auto begin = nodes_.begin() + parent.first_child, end = begin + parent.n_children;
  const auto found = std::ranges::lower_bound(begin, end, byte, {}, &Node::byte);
  return found != end && found->byte == byte ? static_cast<uint32_t>(found - nodes_.begin()) : kNone;
}

Result<std::unique_ptr<Tokenizer>> make_unigram(const gguf::Metadata& metadata, SharedVocabulary vocabulary,
                                                bool add_space_prefix, TokenId unknown) {
  bool remove_extra_spaces = false;
  if (metadata.find("tokenizer.ggml.remove_extra_whitespaces")) {
    TRY_ASSIGN(remove_extra_spaces, metadata.boolean("tokenizer.ggml.remove_extra_whitespaces"));
  }
  CharsMap charsmap;
  if (constexpr std::string_view kCharsMap = "tokenizer.ggml.precompiled_charsmap"; metadata.find(kCharsMap)) {
    TRY_ASSIGN(const gguf::ArrayView blob, tokenizer_array(metadata, kCharsMap, {gguf::ValueType::u8, gguf::ValueType::i8}));
    TRY_ASSIGN(charsmap, CharsMap::open(blob.bytes));
  }
  return std::make_unique<Unigram>(std::move(vocabulary), charsmap,
                                   Unigram::Options{add_space_prefix, remove_extra_spaces, unknown});
}

}  // namespace lupo
