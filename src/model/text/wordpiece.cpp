// WordPiece ("bert"): the text is normalised and cut into words; each word becomes the longest tokens that make it up from
// its left, or the unknown token when none do (Devlin et al. 2019). GGUF keeps the vocabulary converted: a token that begins
// a word has U+2581 in front, one that continues it has lost its "##".
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "model/text/tokenizer_kinds.h"
#include "model/text/unicode.h"
#include "model/text/vocabulary.h"
#include "model/text/words.h"

namespace lupo {
namespace {

// The blocks that BERT surrounds by spaces. Extension E begins at U+2B920 as in the published implementation.
bool is_han(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_white_space(char32_t c, utf8proc_category_t category) {
  return c == '\t' || c == '\n' || c == '\r' || (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

bool is_control(utf8proc_category_t c) {
  return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_CS || c == UTF8PROC_CATEGORY_CO;
}

bool stands_alone(char32_t c, utf8proc_category_t category) {
  const bool ascii_symbol = c < 0x7F && category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO;
  return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) || ascii_symbol || is_han(c);
}

// Words, each with U+2581 in front, joined.
struct Words {
  std::string text;
  std::vector<uint32_t> ends;  // in text
};

class WordPiece final : public Tokenizer {
 public:
  WordPiece(SharedVocabulary vocabulary, bool lower_case, bool strip_accents, TokenId unknown)
      : Tokenizer(std::move(vocabulary)), lower_case_(lower_case), strip_accents_(strip_accents), unknown_(unknown) {}

 protected:
  void encode_fragment(std::string_view fragment, bool first, WordCache& words, std::vector<TokenId>& ids) const override;

 private:
  Words normalise(std::string_view text) const;
  void encode_word(std::string_view word, std::vector<TokenId>& ids) const;

  bool lower_case_, strip_accents_;
  TokenId unknown_;
};

Words WordPiece::normalise(std::string_view text) const {
  Words words;
  words.text.reserve(text.size() * 2);
  const auto is_open = [&] { return words.text.size() > (words.ends.empty() ? 0 : words.ends.back()); };
  const auto close = [&] {
    if (is_open()) words.ends.push_back(static_cast<uint32_t>(words.text.size()));
  };
  const auto add = [&](char32_t c) {
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    if (is_white_space(c, category)) return close();
    if (c == 0 || c == 0xFFFD || is_control(category) || (strip_accents_ && category == UTF8PROC_CATEGORY_MN)) return;
    const bool alone = stands_alone(c, category);
    if (alone) close();
    if (!is_open()) words.text += kEscapedSpace;
    append_utf8(words.text, lower_case_ ? static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))) : c);
    if (alone) close();
  };
  while (!text.empty()) {
    const CodePoint code_point = first_code_point(text);
    text.remove_prefix(code_point.bytes);
    if (!code_point.valid) continue;
    if (code_point.value < 0x80 || !strip_accents_) {
      add(code_point.value);
      continue;
    }
    std::array<utf8proc_int32_t, 32> parts;  // the longest canonical decomposition of one character has four
    int boundary = 0;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point.value), parts.data(), parts.size(),
                                static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE), &boundary);
    if (n < 1) add(code_point.value);
    for (utf8proc_ssize_t i = 0; i < n; ++i) add(static_cast<char32_t>(parts[static_cast<size_t>(i)]));
  }
  close();
  return words;
}

void WordPiece::encode_fragment(std::string_view fragment, bool, WordCache&, std::vector<TokenId>& ids) const {
  const Words words = normalise(fragment);
  WordCache cache(words.text);  // its words are no parts of the text
  size_t begin = 0;
  for (const uint32_t end : words.ends) {
    cache.get(std::string_view(words.text).substr(begin, end - begin), ids,
              [&](std::string_view word) { encode_word(word, ids); });
    begin = end;
  }
}

void WordPiece::encode_word(std::string_view word, std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  while (!word.empty()) {
    TokenId id = -1;
    size_t length = std::min(word.size(), vocabulary_->longest);
    while (length > 0 && (id = vocabulary_->find(word.substr(0, length))) < 0) --length;
    if (id < 0) {
      ids.resize(before);
      if (unknown_ >= 0) ids.push_back(unknown_);
      return;
    }
    ids.push_back(id);
    word.remove_prefix(length);
  }
}

Result<bool> flag(const gguf::Metadata& metadata, std::string_view key, bool fallback) {
  if (!metadata.find(key)) return fallback;
  return metadata.boolean(key);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_wordpiece(const gguf::Metadata& metadata, SharedVocabulary vocabulary, TokenId unknown) {
  TRY_ASSIGN(const bool lower_case, flag(metadata, "tokenizer.ggml.normalizer.lowercase", true));
  TRY_ASSIGN(const bool strip_accents, flag(metadata, "tokenizer.ggml.normalizer.strip_accents", lower_case));
  return std::make_unique<WordPiece>(std::move(vocabulary), lower_case, strip_accents, unknown);
}

}  // namespace lupo
