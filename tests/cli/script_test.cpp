// The text form itself: cases are read as written, and every kind of expectation can fail.
#include "cli/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lupo::cli_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Case parse(const std::string& text) {
  std::string problem;
  const std::vector<Case> cases = parse_cases("test name\n$ true\n" + text, problem);
  EXPECT_EQ(problem, "");
  return cases.at(0);
}

std::vector<std::string> faults(const std::string& text, const std::string& out, const std::string& err = "", int exit_code = 0) {
  return disagreements(parse(text), {exit_code, out, err});
}

TEST(fast_script, CasesAreReadAsWritten) {
  std::string problem;
  const auto cases = parse_cases("# one\ntest a b\n$ echo $SMOLLM2\n$ echo\nexit 2\nseconds 5\n\ntest c\n$ true\n", problem);
  EXPECT_EQ(problem, "");
  ASSERT_THAT(cases, SizeIs(2));
  EXPECT_EQ(cases[0].name, "a b");
  EXPECT_EQ(cases[0].script, "echo $SMOLLM2\necho\n");
  EXPECT_EQ(cases[0].exit_code, 2);
  EXPECT_EQ(cases[0].seconds, 5);
  EXPECT_THAT(cases[0].models(), ElementsAre("SMOLLM2"));
  EXPECT_THAT(cases[1].models(), IsEmpty());
  parse_cases("$ true\ntest a\nwhat 1\n", problem);
  EXPECT_THAT(problem, HasSubstr("line 1 is not understood"));
  EXPECT_THAT(problem, HasSubstr("line 3 is not understood"));
  EXPECT_THAT(problem, HasSubstr("line 2: a case wants a name and a command"));
}

TEST(fast_script, OutputAndExitCode) {
  EXPECT_THAT(faults("out a\nout b\n", "a\nb\n"), IsEmpty());
  EXPECT_THAT(faults("out a\n", "a\nb\n"), SizeIs(1));
  EXPECT_THAT(faults("out~ ^b$\nout! c\n", "a\nb\n"), IsEmpty());
  EXPECT_THAT(faults("out~ ^c$\nout! b\n", "a\nb\n"), SizeIs(2));
  EXPECT_THAT(faults("err~ x\n", "", "x\n"), IsEmpty());
  EXPECT_THAT(faults("err~ y\n", "y", "x\n"), SizeIs(1));
  EXPECT_THAT(faults("", "", "", 3), ElementsAre("exit code 3, wanted 0"));
}

TEST(fast_script, AFailureMustSayErrorAndFix) {
  EXPECT_THAT(faults("exit 1\n", "", "error[model/bad-value]: what\nfix: how\n", 1), IsEmpty());
  EXPECT_THAT(faults("exit 1\n", "", "", 1), SizeIs(1));
  EXPECT_THAT(faults("exit 1\n", "", "error[model/bad-value]: what\n", 1), SizeIs(1));
  EXPECT_THAT(faults("exit 1\n", "", "error[moon/bad-value]: what\nfix: how\n", 1), SizeIs(1));
  EXPECT_THAT(faults("exit 1\n", "", "error[cli/a]: b\nfix: c\nerror[cli/a]: b\nfix: c\n", 1), SizeIs(1));
}

TEST(fast_script, Json) {
  const std::string out = R"({"n": 2, "s": "text", "b": true, "list": [{"x": 1}, {"x": 2}]})";
  EXPECT_THAT(faults("json\njson /n = 2\njson /n > 1\njson /s ~ ^te\njson /b boolean\njson /list/*/x in [1, 2]\n", out),
              IsEmpty());
  EXPECT_THAT(faults("json /n integer\njson /list array\njson /list/0 object\njson /n >= 2\njson /n < 3\n", out), IsEmpty());
  for (const char* wrong :
       {"/n = 3", "/n > 2", "/n < 2", "/s ~ ^x", "/b number", "/list/*/x = 1", "/gone number", "/n in [1]", "/s > 1"}) {
    EXPECT_THAT(faults(std::string("json ") + wrong + "\n", out), SizeIs(1)) << wrong;
  }
  EXPECT_THAT(faults("json\n", out + out), ElementsAre(HasSubstr("not one JSON value")));
  EXPECT_THAT(faults("json\n", "log line\n" + out), SizeIs(1));
}

}  // namespace
}  // namespace lupo::cli_test
