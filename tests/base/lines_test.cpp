#include "base/lines.h"

#include <gtest/gtest.h>

#include <array>

namespace lupo {
namespace {

TEST(Wrapped, BreaksAtBlanksAndHangs) {
  EXPECT_EQ(wrapped("one two three", 80, 2), "one two three");
  EXPECT_EQ(wrapped("one two three", 9, 2), "one two\n  three");
  EXPECT_EQ(wrapped("one two three", 8, 2), "one\n  two\n  three");
  EXPECT_EQ(wrapped("/a/very/long/path x", 8, 2), "/a/very/long/path\n  x") << "what has no blank stays whole";
  EXPECT_EQ(wrapped("äöü äöü", 9, 2), "äöü äöü") << "a letter of two bytes is one column";
  EXPECT_EQ(wrapped("a  b\nc", 80, 0), "a b c");
  EXPECT_EQ(wrapped("", 80, 4), "");
}

TEST(Wrapped, ItemsStayWhole) {
  const std::array<std::string, 3> items{"a b c", "d e", "f"};
  EXPECT_EQ(wrapped(items, " · ", 80, 0), "a b c · d e · f");
  EXPECT_EQ(wrapped(items, " · ", 12, 1), "a b c · d e\n f");
}

TEST(InAscii, NearestLetters) {
  EXPECT_EQ(in_ascii("██▓▒░ 5 – 7 × … ← µs"), "##=+. 5 - 7 x ... <- us");
  EXPECT_EQ(in_ascii("naïve 模型"), "na?ve ??");
  EXPECT_EQ(in_ascii("plain"), "plain");
}

}  // namespace
}  // namespace lupo
