#include "base/printable.h"

#include <gtest/gtest.h>

namespace lupo {
namespace {

TEST(ShellWord, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_word("/models/a-b_1.Q4_K.gguf"), "/models/a-b_1.Q4_K.gguf");
  EXPECT_EQ(shell_word("my model.gguf"), "'my model.gguf'");
  EXPECT_EQ(shell_word("$(rm x);`y`"), "'$(rm x);`y`'");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Printable, KeepsTextNewlinesAndTabs) { EXPECT_EQ(printable("a\tb\nGrüße 你好 🙂"), "a\tb\nGrüße 你好 🙂"); }

TEST(Printable, EscapesControlBytes) {
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable(std::string_view("\0\r\x7f", 3)), "\\x00\\x0d\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");  // C1: CSI
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b"),
            "a\\xe2\\x80\\xaeb");  // right-to-left override
}

TEST(Printable, ReplacesInvalidUtf8) {
  const std::string bad = "\uFFFD";
  EXPECT_EQ(printable("\xff"), bad);
  EXPECT_EQ(printable("\x80"), bad);
  EXPECT_EQ(printable("\xC0\xAF"), bad + bad);                      // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), bad + bad + bad);            // surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // above U+10FFFF
  EXPECT_EQ(printable("x\xE4\xBD"), "x" + bad + bad);               // cut
}

TEST(Printable, CutsAtBytesMaxBetweenCharacters) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdef", 5), "abcde…");
  EXPECT_EQ(printable("aé", 2), "a…");
  EXPECT_EQ(printable("a\x01", 3), "a…");
}

TEST(ValidUtf8, EveryStrayByteIsReplaced) {
  for (int byte = 0x80; byte < 0x100; ++byte)
    EXPECT_EQ(valid_utf8(std::string(1, static_cast<char>(byte)) + "a"), "\uFFFDa") << byte;
  EXPECT_EQ(valid_utf8(std::string_view("\x1b\0", 2)), std::string("\x1b\0", 2));
  EXPECT_EQ(valid_utf8("Grüße 🙂"), "Grüße 🙂");
}

TEST(DidYouMean, FindsTheNearest) {
  constexpr std::string_view names[] = {"llama", "qwen2", "qwen3", "gemma3"};
  EXPECT_EQ(did_you_mean("lama", names), "llama");
  EXPECT_EQ(did_you_mean("gema3", names), "gemma3");
  EXPECT_EQ(did_you_mean("qwen", names), "qwen2");
  EXPECT_EQ(did_you_mean("mamba", names), "");
  EXPECT_EQ(did_you_mean("", names), "");
  EXPECT_EQ(did_you_mean(std::string(100000, 'a'), names), "");
}

}  // namespace
}  // namespace lupo
