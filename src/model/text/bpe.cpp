// Byte-level BPE ("gpt2"): a text is cut into words by the model's pre-tokenizer, each word starts as its bytes, and the pair
// of neighbours that stands first in the list of merges becomes one token until none does (Sennrich et al. 2016; GPT-2).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "model/text/pre_tokenizer.h"
#include "model/text/tokenizer_kinds.h"
#include "model/text/unicode.h"
#include "model/text/vocabulary.h"
#include "model/text/words.h"

namespace lupo {
namespace {

// GPT-2 writes each byte as a printable character: itself where it is one in Latin-1, else U+0100 and up.
struct ByteLetters {
  std::array<std::string, 256> letter;  // [byte] UTF-8, one or two bytes
  std::array<int16_t, 0x144> byte;      // [code point] −1 where none
  ByteLetters() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t code_point = printable ? b : next++;
      append_utf8(letter[b], code_point);
      byte[code_point] = static_cast<int16_t>(b);
    }
  }
};
const ByteLetters& byte_letters() {
  static const ByteLetters letters;
  return letters;
}

// The merges as the file lists them: views of the mapping by rank, and a table from pair to rank. 4 bytes a merge and 8 to 16
// for the table. Pairs are found by the hashes of both texts, so that loading looks up no tokens and costs little.
class Merges {
 public:
  static constexpr uint32_t kNone = IndexTable::kNone;

  static Result<Merges> load(const gguf::Metadata& metadata, std::vector<std::string>& notes);

  // Rank of the merge of two symbols, whose texts are neighbours in one string.
  uint32_t rank(std::string_view left, uint64_t left_hash, std::string_view right, uint64_t right_hash) const {
    return by_pair_.find(pair_hash(left_hash, right_hash), [&](uint32_t rank) {
      const std::string_view line = string_at(lines_ + place_[rank]);
      return line.size() == left.size() + 1 + right.size() && line[left.size()] == ' ' && line.starts_with(left) &&
             line.ends_with(right);
    });
  }

  const WordCuts& cuts() const { return cuts_; }  // where tokens are plain UTF-8

 private:
  static uint64_t pair_hash(uint64_t left, uint64_t right) {
    return std::rotl(left, 23) * 0x9E3779B97F4A7C15u ^ right;  // not symmetric: "a b" and "b a" are two merges
  }

  const char* lines_ = nullptr;  // the array's data in the mapping
  std::vector<uint32_t> place_;  // [n_merges] from lines_
  IndexTable by_pair_;
  WordCuts cuts_;
};

Result<Merges> Merges::load(const gguf::Metadata& metadata, std::vector<std::string>& notes) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  TRY_ASSIGN(const gguf::ArrayView array, tokenizer_array(metadata, kKey, {gguf::ValueType::string}));
  if (array.count >= IndexTable::kNone || array.bytes.size() > UINT32_MAX) {
    return fail(Layer::model, "bad-vocabulary",
                fmt::format("{} has {} entries in {} bytes; wanted at most {} in less than 4 GiB", kKey, array.count,
                            array.bytes.size(), IndexTable::kNone - 1),
                "get the model from another source");
  }
  Merges merges;
  merges.lines_ = reinterpret_cast<const char*>(array.bytes.data());
  merges.place_.reserve(array.count);
  merges.by_pair_ = IndexTable(array.count);
  size_t n_ignored = 0;
  TRY(for_each_string(array, kKey, [&](uint64_t, size_t at, std::string_view line) {
    const auto rank = static_cast<uint32_t>(merges.place_.size());
    merges.place_.push_back(static_cast<uint32_t>(at));  // ignored lines keep their rank: it is their place in the list
    const size_t space = line.find(' ', 1);              // a part may itself begin with a space
    if (space == line.npos || space + 1 == line.size()) {
      ++n_ignored;
    } else {
      merges.cuts_.join(line.substr(0, space), line.substr(space + 1));
      merges.by_pair_.insert(pair_hash(hash_text(line.substr(0, space)), hash_text(line.substr(space + 1))), rank);
    }
    return true;
  }));
  if (n_ignored > 0)
    notes.push_back(
        fmt::format("{} of {} entries of {} are not two texts with a space between; ignored", n_ignored, array.count, kKey));
  return merges;
}

// One word while its symbols merge. Kept between words for its memory.
class Word {
 public:
  explicit Word(const Merges& merges) : merges_(merges) {}

  // Merges the best pair until there is none: lowest rank first, leftmost of equals. O(n log n). Calls emit(text) for each
  // symbol that is left.
  template <class Emit>
  void merge(std::string_view text, Emit&& emit) {
    text_ = text;
    symbols_.clear();
    queue_.clear();
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = std::min(utf8_length(text[at]), text.size() - at);
      const auto index = static_cast<uint32_t>(symbols_.size());
      symbols_.push_back({hash_text(text.substr(at, bytes)), static_cast<uint32_t>(at), static_cast<uint32_t>(bytes), index - 1,
                          index + 1, Merges::kNone});
      at += bytes;
    }
    for (uint32_t i = 0; i + 1 < symbols_.size(); ++i) consider(i);
    while (!queue_.empty()) {
      std::ranges::pop_heap(queue_, std::greater{});
      const uint64_t best = queue_.back();
      queue_.pop_back();
      apply(static_cast<uint32_t>(best >> 32), static_cast<uint32_t>(best));
    }
    for (uint32_t i = 0; i < symbols_.size(); i = symbols_[i].next) emit(text_of(symbols_[i]));
  }

 private:
  struct Symbol {
    uint64_t hash;          // of its text
    uint32_t begin, bytes;  // of the word
    uint32_t prev, next;    // size() at the end; before the first: UINT32_MAX
    uint32_t rank;          // of the merge with the next, Merges::kNone if there is none
  };

  std::string_view text_of(const Symbol& symbol) const { return text_.substr(symbol.begin, symbol.bytes); }

  void consider(uint32_t left) {
    Symbol& symbol = symbols_[left];
    const Symbol& next = symbols_[symbol.next];
    symbol.rank = merges_.rank(text_of(symbol), symbol.hash, text_of(next), next.hash);
    if (symbol.rank == Merges::kNone) return;
    queue_.push_back(static_cast<uint64_t>(symbol.rank) << 32 | left);
    std::ranges::push_heap(queue_, std::greater{});
  }

  void apply(uint32_t rank, uint32_t left) {
    Symbol& symbol = symbols_[left];
    // Entries are not taken out of the queue when one of their symbols merges elsewhere: then the rank is no longer the pair's.
    if (symbol.rank != rank) return;
    Symbol& right = symbols_[symbol.next];
    symbol.bytes += right.bytes;
    symbol.hash = hash_text(text_of(symbol));
    symbol.next = right.next;
    symbol.rank = right.rank = Merges::kNone;
    if (symbol.next < symbols_.size()) {
      symbols_[symbol.next].prev = left;
      consider(left);
    }
    if (symbol.prev < symbols_.size()) consider(symbol.prev);
  }

  const Merges& merges_;
  std::string_view text_;
  std::vector<Symbol> symbols_;  // [characters of the word]
  std::vector<uint64_t> queue_;  // heap of rank << 32 | index of the left symbol
};

class Bpe final : public Tokenizer {
 public:
  Bpe(SharedVocabulary vocabulary, const PreTokenizerRow& row, PreTokenizer pre_tokenizer, Merges merges)
      : Tokenizer(std::move(vocabulary)),
        raw_utf8_(row.flags & kRawUtf8),
        ignore_merges_(row.flags & kIgnoreMerges),
        pre_tokenizer_(std::move(pre_tokenizer)),
        merges_(std::move(merges)) {}

 protected:
  std::string plain(std::string_view text) const override;
  void encode_fragment(std::string_view fragment, bool first, WordCache& words, std::vector<TokenId>& ids) const override;

 private:
  void encode_word(std::string_view bytes, Word& word, std::vector<TokenId>& ids) const;

  bool raw_utf8_, ignore_merges_;
  PreTokenizer pre_tokenizer_;
  Merges merges_;
};

// Text is cut where it is valid UTF-8; a run of bytes that are not is a word of its own.
void Bpe::encode_fragment(std::string_view fragment, bool, WordCache& words, std::vector<TokenId>& ids) const {
  Word word(merges_);
  const auto encode = [&](std::string_view bytes) { encode_word(bytes, word, ids); };
  while (!fragment.empty()) {
    const size_t valid = valid_utf8_prefix(fragment);
    uint32_t begin = 0;
    for (const uint32_t end : pre_tokenizer_.split(fragment.substr(0, valid))) {
      while (begin < end) {
        const std::string_view piece = fragment.substr(begin, end - begin);
        // Runs of newlines are looked up as a whole.
        const size_t bytes = raw_utf8_ && piece[0] != '\n' ? merges_.cuts().word_end(piece, 0) : piece.size();
        words.get(piece.substr(0, bytes), ids, encode);
        begin += static_cast<uint32_t>(bytes);
      }
    }
    fragment.remove_prefix(valid);
    size_t invalid = 0;
    while (invalid < fragment.size() && !first_code_point(fragment.substr(invalid)).valid) ++invalid;
    if (invalid > 0) encode(fragment.substr(0, invalid));
    fragment.remove_prefix(invalid);
  }
}

void Bpe::encode_word(std::string_view bytes, Word& word, std::vector<TokenId>& ids) const {
  std::string text;
  if (raw_utf8_) {
    text = escape_spaces(bytes, false);
  } else {
    text.reserve(2 * bytes.size());
    for (const char byte : bytes) text += byte_letters().letter[static_cast<uint8_t>(byte)];
  }
  // Where tokens are plain UTF-8, merges do not make runs of newlines, which are tokens all the same.
  if (ignore_merges_ || (raw_utf8_ && text[0] == '\n')) {
    if (const TokenId id = vocabulary_->find(text); id >= 0) return ids.push_back(id);
  }
  word.merge(text, [&](std::string_view symbol) {
    if (const TokenId id = vocabulary_->find(symbol); id >= 0) return ids.push_back(id);
    // A symbol that is no token: a byte that the vocabulary lacks, or the file's merges name what its tokens do not.
    for (const char byte : symbol) {
      if (const TokenId id = raw_utf8_ ? vocabulary_->byte_token(static_cast<uint8_t>(byte)) : -1; id >= 0) ids.push_back(id);
    }
  });
}

std::string Bpe::plain(std::string_view text) const {
  if (raw_utf8_) return unescape_spaces(text);
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const CodePoint letter = first_code_point(text.substr(at));
    const int byte = letter.value < byte_letters().byte.size() ? byte_letters().byte[letter.value] : -1;
    // A character outside GPT-2's alphabet stands for itself (added tokens that the file calls normal).
    byte >= 0 ? bytes.push_back(static_cast<char>(byte)) : void(bytes.append(text, at, letter.bytes));
    at += letter.bytes;
  }
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_bpe(const gguf::Metadata& metadata, SharedVocabulary vocabulary,
                                            const PreTokenizerRow& row, std::vector<std::string>& notes) {
  TRY_ASSIGN(PreTokenizer pre_tokenizer, PreTokenizer::compile(row));
  TRY_ASSIGN(Merges merges, Merges::load(metadata, notes));
  return std::make_unique<Bpe>(std::move(vocabulary), row, std::move(pre_tokenizer), std::move(merges));
}

}  // namespace lupo
