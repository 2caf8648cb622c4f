// SentencePiece's BPE ("llama"): no merges but scores. The neighbours whose joined text is the token of the highest score
// become one until none do; characters without a token become byte tokens (Kudo & Richardson 2018).
#include <algorithm>

#include "model/text/tokenizer_kinds.h"
#include "model/text/unicode.h"
#include "model/text/vocabulary.h"
#include "model/text/words.h"

namespace lupo {
namespace {

// One stretch of text while its characters merge. Kept between stretches for its memory.
class Stretch {
 public:
  explicit Stretch(const Tokenizer::Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  // Calls emit(text) for each symbol that is left: a token's text, or one character that is none.
  template <class Emit>
  void merge(std::string_view text, Emit&& emit) {
    start(text);
    while (!queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end());
      const Pair best = queue_.back();
      queue_.pop_back();
      apply(best);
    }
    for (uint32_t i = 0; i < symbols_.size(); i = symbols_[i].next) emit(text.substr(symbols_[i].begin, symbols_[i].bytes));
  }

 private:
  struct Symbol {
    uint32_t begin, bytes;  // of the text; 0 bytes: merged into the one before
    uint32_t prev, next;    // size() at the end; before the first: UINT32_MAX
  };
  struct Pair {
    float score;
    uint32_t left, bytes;  // index of the left symbol, bytes of both
    bool operator<(const Pair& other) const { return score != other.score ? score < other.score : left > other.left; }
  };

  void start(std::string_view text) {
    text_ = text;
    symbols_.clear();
    queue_.clear();
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = std::min(utf8_length(text[at]), text.size() - at);
      const auto index = static_cast<uint32_t>(symbols_.size());
      symbols_.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(bytes), index - 1, index + 1});
      at += bytes;
    }
    for (uint32_t i = 0; i + 1 < symbols_.size(); ++i) consider(i);
  }

  void consider(uint32_t left) {
    const uint32_t bytes = symbols_[left].bytes + symbols_[symbols_[left].next].bytes;
    const TokenId id = vocabulary_.find(text_.substr(symbols_[left].begin, bytes));
    if (id < 0) return;
    queue_.push_back({vocabulary_.score(id), left, bytes});
    std::push_heap(queue_.begin(), queue_.end());
  }

  void apply(const Pair& pair) {
    Symbol& left = symbols_[pair.left];
    // Entries are not taken out of the queue when one of their symbols merges elsewhere: then its bytes no longer fit.
    if (left.bytes == 0 || left.next >= symbols_.size() || left.bytes + symbols_[left.next].bytes != pair.bytes) return;
    Symbol& right = symbols_[left.next];
    left.bytes = pair.bytes;
    left.next = right.next;
    right.bytes = 0;
    if (left.next < symbols_.size()) {
      symbols_[left.next].prev = pair.left;
      consider(pair.left);
    }
    if (left.prev < symbols_.size()) consider(left.prev);
  }

  const Tokenizer::Vocabulary& vocabulary_;
  std::string_view text_;
  std::vector<Symbol> symbols_;  // [characters]
  std::vector<Pair> queue_;      // heap
};

class SentencePiece final : public Tokenizer {
 public:
  SentencePiece(SharedVocabulary vocabulary, bool add_space_prefix, TokenId unknown);

 protected:
  void encode_fragment(std::string_view fragment, bool first, WordCache& words, std::vector<TokenId>& ids) const override;

 private:
  bool has_prefix_;
  TokenId unknown_;
  WordCuts cuts_;
};

SentencePiece::SentencePiece(SharedVocabulary vocabulary, bool add_space_prefix, TokenId unknown)
    : Tokenizer(std::move(vocabulary)), has_prefix_(add_space_prefix), unknown_(unknown) {
  for (TokenId id = 0; id < vocabulary_->size(); ++id) cuts_.join_inside(vocabulary_->text(id));
}

void SentencePiece::encode_fragment(std::string_view fragment, bool first, WordCache& words, std::vector<TokenId>& ids) const {
  Stretch stretch(*vocabulary_);
  const auto emit = [&](std::string_view symbol) {
    if (const TokenId id = vocabulary_->find(symbol); id >= 0) return ids.push_back(id);
    for (const char byte : symbol) {
      const TokenId id = vocabulary_->byte_token(static_cast<uint8_t>(byte));
      if (id >= 0 || unknown_ >= 0) ids.push_back(id >= 0 ? id : unknown_);
    }
  };
  const auto merge = [&](std::string_view word, bool prefix) { stretch.merge(escape_spaces(word, prefix), emit); };
  size_t begin = 0;
  if (has_prefix_ && first) {
    begin = cuts_.word_end(fragment, 0, true);
    merge(fragment.substr(0, begin), true);
  }
  while (begin < fragment.size()) {
    const size_t end = cuts_.word_end(fragment, begin);
    words.get(fragment.substr(begin, end - begin), ids, [&](std::string_view word) { merge(word, false); });
    begin = end;
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece(SharedVocabulary vocabulary, bool add_space_prefix, TokenId unknown) {
  return std::make_unique<SentencePiece>(std::move(vocabulary), add_space_prefix, unknown);
}

}  // namespace lupo
