// Tokenizers that cut a text into words, remember words and keep queues of merges, against the plain loops: every merge looked
// for in the whole text, again and again.
#include <gmock/gmock.h>

#include <ctime>
#include <map>
#include <optional>
#include <random>

#include "fuzz/tokenizer_samples.h"
#include "model/text/pre_tokenizer.h"
#include "model/text/tokenizer_fixture.h"
#include "model/text/unicode.h"

namespace lupo {
namespace {

using Texts = std::vector<std::string>;
using Priority = std::function<std::optional<double>(const std::string& left, const std::string& right)>;

Texts characters(std::string_view text) {
  Texts out;
  for (size_t at = 0; at < text.size(); at += out.back().size()) out.emplace_back(text.substr(at, utf8_length(text[at])));
  return out;
}

// Of the neighbours that may merge those of the least priority, the first of equals, until none may.
Texts merge_plainly(Texts symbols, const Priority& priority) {
  for (;;) {
    std::optional<double> least;
    size_t best = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const std::optional<double> here = priority(symbols[i], symbols[i + 1]);
      if (here && (!least || *here < *least)) least = here, best = i;
    }
    if (!least) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

const Texts kLetters = {"a", "b", "\u00E9", "\u4E2D", "\u2581", "\n", "(", "\U0001F600"};

std::string some_text(std::mt19937& random, const Texts& letters, size_t n_max) {
  std::string text;
  for (size_t n = random() % (n_max + 1); n > 0; --n) text += letters[random() % letters.size()];
  return text;
}

// Tokens that grow from the letters by pairs, as training makes them, and a few that no merges make.
Texts some_tokens(std::mt19937& random, const Texts& letters) {
  Texts tokens = letters;
  for (size_t n = random() % 24; n > 0; --n) {
    std::string token = tokens[random() % tokens.size()] + tokens[random() % tokens.size()];
    if (token.size() < 16 && std::ranges::find(tokens, token) == tokens.end()) tokens.push_back(std::move(token));
  }
  std::erase_if(tokens, [&](const std::string& token) { return token.size() > 1 && random() % 8 == 0; });
  return tokens;
}

const Texts kTextLetters = {"a", "b", "\u00E9", "\u4E2D", "\u2581", "\n", "(", "\U0001F600", " ", " ", " a", "x"};

TEST(Words, SentencePieceMergesAsOverTheWholeText) {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    const Texts more = some_tokens(random, kLetters);
    Texts tokens = {"<unk>"};
    tokens.insert(tokens.end(), more.begin(), more.end());
    std::vector<float> scores;
    std::map<std::string, int> ids;
    for (const std::string& token : tokens) {
      ids.emplace(token, static_cast<int>(scores.size()));
      scores.push_back(-static_cast<float>(random() % 12));  // some are equal
    }
    std::vector<int32_t> kinds(tokens.size(), 1);
    kinds[0] = 2;
    const bool has_prefix = random() % 2 == 0;
    gguf::Writer writer;
    writer.set("tokenizer.ggml.model", "llama");
    set_strings(writer, "tokenizer.ggml.tokens", tokens);
    writer.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
    writer.set_array("tokenizer.ggml.scores", std::span<const float>(scores));
    writer.set("tokenizer.ggml.add_space_prefix", has_prefix);
    const Loaded loaded = load(writer);
    ASSERT_TRUE(loaded.tokenizer) << loaded.tokenizer.error().what;
    const Priority priority = [&](const std::string& left, const std::string& right) -> std::optional<double> {
      const auto found = ids.find(left + right);
      return found == ids.end() ? std::nullopt : std::optional<double>(-scores[static_cast<size_t>(found->second)]);
    };
    for (int i = 0; i < 50; ++i) {
      const std::string text = some_text(random, kTextLetters, 24);
      std::vector<TokenId> expected;
      if (!text.empty())
        for (const std::string& symbol : merge_plainly(characters(escape_spaces(text, has_prefix)), priority)) {
          const auto found = ids.find(symbol);
          expected.insert(expected.end(), found == ids.end() ? symbol.size() : 1, found == ids.end() ? 0 : found->second);
        }
      ASSERT_EQ(loaded->encode(text, {.add_special = false, .parse_special = false}), expected)
          << testing::PrintToString(text) << " with " << testing::PrintToString(tokens) << testing::PrintToString(scores);
    }
  }
}

// Byte-level BPE of either kind: GPT-2's letters, whose words the pattern cuts, and plain UTF-8, whose lines fall into words by
// the merges.
class PlainBpe {
 public:
  PlainBpe(std::mt19937& random, bool raw) : raw_(raw) {
    for (const std::string& letter : raw ? kLetters : Texts{"a", "b", "\u0120", "\u010A", "\u00C3", "\u00A9", "("})
      vocabulary_.add(letter);
    if (raw) std::erase(vocabulary_.tokens, "\n");
    for (size_t n = random() % 30; n > 0; --n) {
      const auto one = [&] { return vocabulary_.tokens[256 + random() % (vocabulary_.tokens.size() - 256)]; };
      const std::string left = one(), right = one();
      if (left.size() + right.size() > 20 || ranks_.contains({left, right})) continue;
      ranks_[{left, right}] = static_cast<double>(vocabulary_.merges.size());
      vocabulary_.merges.push_back(left + " " + right);
      vocabulary_.add(left + right);
    }
    if (raw) vocabulary_.add("\n"), vocabulary_.add("\n\n");  // no merges make them
    vocabulary_.kinds.resize(vocabulary_.tokens.size(), 1);
    vocabulary_.pre = raw ? "gemma4" : "gpt-2";
  }
  gguf::Writer writer() const { return vocabulary_.writer(); }

  std::vector<TokenId> encode(const std::string& text) const {
    const auto row = PreTokenizer::compile(*find_pre_tokenizer(vocabulary_.pre));
    std::vector<TokenId> ids;
    size_t begin = 0;
    for (const uint32_t end : row->split(text)) {
      std::string word = text.substr(begin, end - begin);
      word = raw_ ? escape_spaces(word, false) : letters_of(word);
      begin = end;
      if (raw_ && word == "\n\n") {
        append(word, ids);
        continue;
      }
      for (const std::string& symbol : merge_plainly(characters(word), [&](const std::string& left, const std::string& right) {
             const auto found = ranks_.find({left, right});
             return found == ranks_.end() ? std::nullopt : std::optional(found->second);
           }))
        append(symbol, ids);
    }
    return ids;
  }

 private:
  std::string letters_of(std::string_view bytes) const {
    std::string out;
    for (const char byte : bytes) out += vocabulary_.tokens[static_cast<uint8_t>(byte)];
    return out;
  }
  void append(const std::string& symbol, std::vector<TokenId>& ids) const {
    const auto found = std::ranges::find(vocabulary_.tokens, symbol);
    if (found != vocabulary_.tokens.end()) return ids.push_back(static_cast<TokenId>(found - vocabulary_.tokens.begin()));
    for (const char byte : symbol) {  // a byte whose letter is itself may be a token
      const auto letter = std::ranges::find(vocabulary_.tokens, std::string(1, byte));
      if (raw_ && letter != vocabulary_.tokens.end()) ids.push_back(static_cast<TokenId>(letter - vocabulary_.tokens.begin()));
    }
  }

  bool raw_;
  TinyBpe vocabulary_;
  std::map<std::pair<std::string, std::string>, double> ranks_;
};

TEST(Words, BpeMergesAsOverTheWholeText) {
  std::mt19937 random(12);
  for (const bool raw : {false, true})
    for (int round = 0; round < 100; ++round) {
      const PlainBpe plain(random, raw);
      const Loaded loaded = load(plain.writer());
      ASSERT_TRUE(loaded.tokenizer) << loaded.tokenizer.error().what;
      for (int i = 0; i < 30; ++i) {
        const std::string text = some_text(random, kTextLetters, 24);
        ASSERT_EQ(loaded->encode(text, {.add_special = false, .parse_special = false}), plain.encode(text))
            << (raw ? "plain UTF-8: " : "letters: ") << testing::PrintToString(text);
      }
    }
}

// A text with a token that is matched always falls into fragments, which share the words that were seen: each fragment's ids are
// those that it has alone.
TEST(Words, FragmentsShareWordsAndNothingElse) {
  TinyBpe bpe;
  for (const char* merge : {"a b", "\u0120 a", "\u0120a b"}) {
    bpe.merges.emplace_back(merge);
    bpe.add(std::string(merge).erase(bpe.merges.back().find(' ', 1), 1));
  }
  bpe.add("@@", TokenKind::user_defined);
  for (const gguf::Writer& writer : {bpe.writer(), sample_sentencepiece(), sample_unigram()}) {
    const Loaded loaded = load(writer);
    ASSERT_TRUE(loaded.tokenizer) << loaded.tokenizer.error().what;
    const TokenId mark = loaded->find("@@");
    ASSERT_GE(mark, 0);
    std::mt19937 random(13);
    for (int round = 0; round < 300; ++round) {
      std::string text;
      std::vector<TokenId> expected;
      for (int part = 0; part < 5; ++part) {
        const std::string fragment = some_text(random, {"a", "b", "ab", " ab", " ", "he", "\u00E9"}, 12);
        text += (part > 0 ? "@@" : "") + fragment;
        if (part > 0) expected.push_back(mark);
        const std::vector<TokenId> ids = loaded->encode(fragment, {.add_special = false, .parse_special = false});
        expected.insert(expected.end(), ids.begin(), ids.end());
      }
      ASSERT_EQ(loaded->encode(text, {.add_special = false, .parse_special = false}), expected) << testing::PrintToString(text);
    }
  }
}

// As in tokenizer_test.cpp for byte-level BPE: 64 KiB of what makes naive merging quadratic.
TEST(Words, AdversarialTextsTakeLinearTimeInOtherKinds) {
  Texts tokens = {"<unk>"};
  for (const std::string unit : {"a", "\u2581", "\n", "\U0001F600"}) {
    for (std::string token = unit; token.size() <= 64; token += token) tokens.push_back(token);
  }
  std::vector<float> scores;
  for (const std::string& token : tokens) scores.push_back(-static_cast<float>(token.size()));
  gguf::Writer sentencepiece;
  sentencepiece.set("tokenizer.ggml.model", "llama");
  set_strings(sentencepiece, "tokenizer.ggml.tokens", tokens);
  sentencepiece.set_array("tokenizer.ggml.scores", std::span<const float>(scores));
  TinyBpe utf8;
  utf8.pre = "gemma4";
  for (const std::string unit : {"a", "\u2581"}) {
    for (std::string token = unit; token.size() <= 64; token += token) {
      utf8.merges.push_back(token + " " + token);
      utf8.add(token + token);
    }
  }
  for (const gguf::Writer& writer : {sentencepiece, utf8.writer(), sample_wordpiece(), sample_unigram()}) {
    const Loaded loaded = load(writer);
    ASSERT_TRUE(loaded.tokenizer) << loaded.tokenizer.error().what;
    for (const std::string unit : {"a", " ", "\n", "\U0001F600", "@", "\u0301", "\xFF", "a ", "ab"}) {
      std::string text;
      while (text.size() < (1 << 16)) text += unit;
      const std::clock_t start = std::clock();
      loaded->encode(text);
      EXPECT_LT(std::clock() - start, 2 * CLOCKS_PER_SEC) << loaded->model() << " on " << testing::PrintToString(unit);
    }
  }
}

}  // namespace
}  // namespace lupo
