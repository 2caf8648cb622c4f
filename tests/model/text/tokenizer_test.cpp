// Tokenizers: special tokens, odd and hostile vocabularies, adversarial texts, streaming.
#include <gmock/gmock.h>

#include <ctime>

#include "model/text/pre_tokenizer.h"
#include "model/text/tokenizer_fixture.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Tokenizer, MergesByRankThenFromTheLeft) {
  TinyBpe vocabulary;
  const TokenId aa = vocabulary.add("aa"), bc = vocabulary.add("bc");
  vocabulary.merges = {"b c", "a a", "c d"};
  const Loaded loaded = load(vocabulary.writer());
  EXPECT_THAT(loaded->encode("aaa"), ElementsAre(aa, 'a'));
  EXPECT_THAT(loaded->encode("bcd"), ElementsAre(bc, 'd'));
}

TEST(Tokenizer, SpecialTokensAreTheLongestAndLeftmost) {
  TinyBpe vocabulary;
  const TokenId open = vocabulary.add("<|x|>", TokenKind::control), longer = vocabulary.add("<|x|>y", TokenKind::control);
  const TokenId user = vocabulary.add("@@", TokenKind::user_defined);
  const Loaded loaded = load(vocabulary.writer());
  EXPECT_THAT(loaded->encode("a<|x|>b<|x|>y@@"), ElementsAre('a', open, 'b', longer, user));
  EXPECT_THAT(loaded->encode("<|x|>@@", {.parse_special = false}), ElementsAre('<', '|', 'x', '|', '>', user));
  EXPECT_EQ(loaded->piece(open), "");
  EXPECT_EQ(loaded->piece(open, true), "<|x|>");
  EXPECT_EQ(loaded->piece(user), "@@");
}

TEST(Tokenizer, AddsBosAndEosAsTheMetadataSays) {
  TinyBpe vocabulary;
  const TokenId bos = vocabulary.add("<s>", TokenKind::control), eos = vocabulary.add("</s>", TokenKind::control);
  gguf::Writer writer = vocabulary.writer();
  writer.set("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(bos));
  writer.set("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(eos));
  EXPECT_THAT(load(writer)->encode("a"), ElementsAre('a'));
  writer.set("tokenizer.ggml.add_bos_token", true);
  writer.set("tokenizer.ggml.add_eos_token", true);
  const Loaded loaded = load(writer);
  EXPECT_THAT(loaded->encode("a"), ElementsAre(bos, 'a', eos));
  EXPECT_THAT(loaded->encode("a", {.add_special = false}), ElementsAre('a'));
  EXPECT_TRUE(loaded->ends_generation(eos));
  EXPECT_FALSE(loaded->ends_generation(bos));
}

TEST(Tokenizer, EndsOfGenerationByWellKnownText) {
  TinyBpe vocabulary;
  const TokenId im_end = vocabulary.add("<|im_end|>"), end = vocabulary.add("<|end|>", TokenKind::control);
  const Loaded loaded = load(vocabulary.writer());
  EXPECT_EQ(loaded->special().eot, im_end);
  EXPECT_EQ(loaded->kind(im_end), TokenKind::control);  // whatever the file says
  EXPECT_TRUE(loaded->ends_generation(im_end));
  EXPECT_TRUE(loaded->ends_generation(end));
  vocabulary.add("<|return|>", TokenKind::control);
  vocabulary.add("<|call|>", TokenKind::control);
  EXPECT_FALSE(load(vocabulary.writer())->ends_generation(end));  // harmony: it ends a message, not the answer
}

TEST(Tokenizer, MissingPreTokenizerIsNoted) {
  TinyBpe vocabulary;
  gguf::Writer writer;
  writer.set("tokenizer.ggml.model", "gpt2");
  set_strings(writer, "tokenizer.ggml.tokens", vocabulary.tokens);
  set_strings(writer, "tokenizer.ggml.merges", {});
  const Loaded loaded = load(writer);
  EXPECT_EQ(loaded->pre(), "default");
  ASSERT_EQ(loaded->notes().size(), 1u);
  EXPECT_THAT(loaded->notes()[0], HasSubstr("tokenizer.ggml.pre"));
}

TEST(Tokenizer, RepeatedAndEmptyTokensAreNotedAndNeverProduced) {
  TinyBpe vocabulary;
  vocabulary.add("a");
  vocabulary.add("");
  vocabulary.merges = {"nospace", "x ", "q z"};
  const Loaded loaded = load(vocabulary.writer());
  ASSERT_TRUE(loaded.tokenizer.has_value());
  EXPECT_EQ(loaded->notes().size(), 3u);
  EXPECT_THAT(loaded->encode("a"), ElementsAre('a'));
  EXPECT_EQ(loaded->find(""), -1);
}

struct Broken {
  const char* name;
  std::function<void(gguf::Writer&)> damage;
  const char* code;
  const char* says;
};

TEST(Tokenizer, BrokenFilesGiveOneErrorThatNamesTheKey) {
  const std::vector<int32_t> short_kinds(3, 1);
  const std::vector<float> float_kinds(256, 1), short_scores(2, 0), not_numbers(256, std::numeric_limits<float>::quiet_NaN());
  const Broken cases[] = {
      {"unknown pre", [](auto& w) { w.set("tokenizer.ggml.pre", "nonsense"); }, "unknown-pre-tokenizer",
       "\"nonsense\"; supported are default"},
      {"unknown kind", [](auto& w) { w.set("tokenizer.ggml.model", "rwkv"); }, "unknown-tokenizer", "gpt2"},
      {"model of a wrong type", [](auto& w) { w.set("tokenizer.ggml.model", uint32_t{7}); }, "wrong-type",
       "tokenizer.ggml.model"},
      {"bos outside", [](auto& w) { w.set("tokenizer.ggml.bos_token_id", uint32_t{256}); }, "bad-token-id",
       "bos_token_id is 256"},
      {"eos negative", [](auto& w) { w.set("tokenizer.ggml.eos_token_id", int32_t{-5}); }, "bad-token-id", "eos_token_id is -5"},
      {"kinds of a wrong type", [&](auto& w) { w.set_array("tokenizer.ggml.token_type", std::span<const float>(float_kinds)); },
       "wrong-type", "token_type"},
      {"too few kinds", [&](auto& w) { w.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(short_kinds)); },
       "bad-vocabulary", "3 entries"},
      {"too few scores", [&](auto& w) { w.set_array("tokenizer.ggml.scores", std::span<const float>(short_scores)); },
       "bad-vocabulary", "2 entries"},
      {"scores not numbers", [&](auto& w) { w.set_array("tokenizer.ggml.scores", std::span<const float>(not_numbers)); },
       "bad-value", "scores[0]"},
      {"no tokens", [](auto& w) { set_strings(w, "tokenizer.ggml.tokens", {}); }, "bad-vocabulary", "0 tokens"},
      {"tokens are a number", [](auto& w) { w.set("tokenizer.ggml.tokens", uint32_t{1}); }, "wrong-type",
       "tokenizer.ggml.tokens"},
      {"merges are numbers", [&](auto& w) { w.set_array("tokenizer.ggml.merges", std::span<const float>(float_kinds)); },
       "wrong-type", "merges"},
      {"charsmap too short",
       [](auto& w) {
         w.set("tokenizer.ggml.model", "t5");
         const std::vector<uint8_t> blob{255, 255, 255, 127, 0};
         w.set_array("tokenizer.ggml.precompiled_charsmap", std::span<const uint8_t>(blob));
       },
       "bad-charsmap", "precompiled_charsmap"},
  };
  for (const Broken& broken : cases) {
    gguf::Writer writer = TinyBpe().writer();
    broken.damage(writer);
    const Loaded loaded = load(writer);
    ASSERT_FALSE(loaded.tokenizer.has_value()) << broken.name;
    EXPECT_EQ(loaded.tokenizer.error().code, broken.code) << broken.name;
    EXPECT_THAT(loaded.tokenizer.error().what, HasSubstr(broken.says)) << broken.name;
    EXPECT_FALSE(loaded.tokenizer.error().fix.empty());
  }
}

TEST(Tokenizer, OtherRolesOutsideTheVocabularyAreNoted) {
  gguf::Writer writer = TinyBpe().writer();
  writer.set("tokenizer.ggml.padding_token_id", uint32_t{4294967295u});
  const Loaded loaded = load(writer);
  ASSERT_TRUE(loaded.tokenizer.has_value());
  EXPECT_EQ(loaded->special().pad, -1);
  ASSERT_EQ(loaded->notes().size(), 1u);
  EXPECT_THAT(loaded->notes()[0], HasSubstr("padding_token_id is 4294967295"));
}

TEST(Tokenizer, ByteTokensHaveExactlyTwoHexDigits) {
  gguf::Writer writer;
  writer.set("tokenizer.ggml.model", "llama");
  set_strings(writer, "tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "<0x0A>", "<0x-1>", "<0x1>", "<0xG0>", "a"});
  const std::vector<int32_t> kinds{2, 3, 3, 6, 6, 6, 6, 1};
  writer.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
  writer.set("tokenizer.ggml.add_space_prefix", false);
  const Loaded loaded = load(writer);
  EXPECT_EQ(loaded->piece(3), "\n");
  for (const TokenId id : {4, 5, 6}) EXPECT_EQ(loaded->piece(id), "");
  EXPECT_THAT(loaded->encode("a\nb", {.add_special = false}), ElementsAre(7, 3, 0));  // no token for b: unknown
}

TEST(Tokenizer, UnigramEndsWhateverTheScoresAre) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float score : {-kInfinity, kInfinity}) {
    gguf::Writer writer;
    writer.set("tokenizer.ggml.model", "t5");
    set_strings(writer, "tokenizer.ggml.tokens", {"<unk>", "\u2581", "a", "b", "ab"});
    const std::vector<int32_t> kinds{2, 1, 1, 1, 1};
    writer.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
    const std::vector<float> scores{0, -1, score, -kInfinity, score};
    writer.set_array("tokenizer.ggml.scores", std::span<const float>(scores));
    const Loaded loaded = load(writer);
    ASSERT_TRUE(loaded.tokenizer.has_value());
    const std::vector<TokenId> ids = loaded->encode("abab", {.add_special = false});
    EXPECT_EQ(loaded->decode(ids), "abab") << testing::PrintToString(ids);
  }
}

// 64 KiB of what makes naive splitting or merging quadratic, which would be four thousand million steps. Processor time, so that
// a busy machine does not fail it.
TEST(Tokenizer, AdversarialTextsTakeLinearTime) {
  std::vector<std::string> texts;
  for (const std::string unit : {" ", "a", "A", "1", "\u0301", "\n", "'", "!", "\u4E2D", "a ", " \n", "\x01", "\xFF"}) {
    std::string text;
    while (text.size() < (1 << 16)) text += unit;
    texts.push_back(text + "\U0001F600");
  }
  for (const PreTokenizerRow& row : pre_tokenizer_rows()) {
    TinyBpe vocabulary;
    vocabulary.pre = std::string(row.names.substr(0, row.names.find(' ')));
    for (const char* twice : {"a", "aa", "aaaa", "1", "A"}) {
      vocabulary.add(std::string(twice) + twice);
      vocabulary.merges.push_back(std::string(twice) + " " + twice);
    }
    const Loaded loaded = load(vocabulary.writer());
    ASSERT_TRUE(loaded.tokenizer.has_value());
    for (const std::string& text : texts) {
      const std::clock_t start = std::clock();
      const auto ids = loaded->encode(text);
      EXPECT_LT(std::clock() - start, 2 * CLOCKS_PER_SEC)
          << vocabulary.pre << " on " << testing::PrintToString(text.substr(0, 4));
      if (!(row.flags & kRawUtf8)) {
        EXPECT_TRUE(loaded->decode(ids) == text) << vocabulary.pre;
      }
    }
  }
}

TEST(Utf8Stream, HoldsBackWhatIsCutShort) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80z"), "\U0001F600z");
  EXPECT_EQ(stream.push("\xC3"), "");
  EXPECT_EQ(stream.push("x"), "\uFFFDx");
  EXPECT_EQ(stream.push("\xE0\x80"), "\uFFFD\uFFFD");  // overlong: can never be valid
  EXPECT_EQ(stream.push("\xFF"), "\uFFFD");
  EXPECT_EQ(stream.push("\xE6\x97"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD\uFFFD");
  EXPECT_THAT(stream.finish(), IsEmpty());
}

}  // namespace
}  // namespace lupo
