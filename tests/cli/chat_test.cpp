// The chat of `lupo run` as a user at a terminal has it. Where the line editor alone is tried, a chat template that refuses every
// message shows what arrived, so that nothing depends on what a model says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "cli/models.h"
#include "cli/pty.h"
#include "test_folder.h"

namespace lupo::cli_test {
namespace {

constexpr const char* kPrompt = ">>> ";
constexpr const char *kCtrlC = "\x03", *kCtrlD = "\x04", *kBackspace = "\x7f", *kUp = "\x1b[A";
constexpr const char *kPasteBegin = "\x1b[200~", *kPasteEnd = "\x1b[201~";
// SmolLM2's end of a turn is never said: an answer goes on until it is stopped.
constexpr const char* kEndless = " --logit-bias 2-inf";

class model_chat : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(model_path(kModels[0])))
        << model_path(kModels[0]) << ": scripts/fetch-models.sh fetches it";
    std::ofstream(folder_.path("echo.jinja")) << "{{ raise_exception('got <' ~ messages[-1].content ~ '>') }}";
    std::ofstream(folder_.path("count.jinja")) << "{{ raise_exception('got ' ~ messages[-1].content|length) }}";
  }

  std::string chat(const std::string& options) const {
    return "cd '" + folder_.path() + "' && LUPO_STATE=state exec '" LUPO_BINARY "' run '" + model_path(kModels[0]).string() +
           "' -t 1 --temp 0 " + options;
  }

  TestFolder folder_;
};

#define ASSERT_SHOWS(terminal, text) \
  ASSERT_TRUE((terminal).shows(text)) << "wanted: " << (text) << "\n" << (terminal).transcript()

TEST_F(model_chat, lines_are_edited_in_utf8) {
  Pty terminal(chat("--chat-template echo.jinja"));
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type(std::string("Grüße 日本\t語 é") + kBackspace + "x\r");
  ASSERT_SHOWS(terminal, "got <Grüße 日本");
  ASSERT_SHOWS(terminal, "語 x>");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type(std::string(kUp) + "y\r");
  ASSERT_SHOWS(terminal, "語 xy>");
}

TEST_F(model_chat, several_lines_make_one_message) {
  Pty terminal(chat("--chat-template echo.jinja"));
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("\"\"\"\r/one\r  two\r\"\"\"\r");
  ASSERT_SHOWS(terminal, "got </one\r\n  two>");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("\"\"\"three\"\"\"\r");
  ASSERT_SHOWS(terminal, "got <three>");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("four\\\rfive\r");
  ASSERT_SHOWS(terminal, "got <four\r\nfive>");
}

TEST_F(model_chat, a_paste_stays_whole) {
  Pty terminal(chat("--chat-template echo.jinja"));
  ASSERT_SHOWS(terminal, kPrompt);
  // What would be a command, the key that ends input, an arrow: all of it is text, and only text gets in.
  terminal.type(std::string(kPasteBegin) + "/exit\ra\nb\x04\nc\x1b[A" + kPasteEnd);
  ASSERT_SHOWS(terminal, "c[A");
  terminal.type("!\r");
  ASSERT_SHOWS(terminal, "got </exit\r\na\r\nb\r\nc[A!>");
}

TEST_F(model_chat, a_long_line_and_another_window_size) {
  Pty terminal(chat("--chat-template count.jinja"));
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type(std::string(3000, 'a'));
  terminal.resize(40, 10);
  terminal.type(std::string(3000, 'b') + "\r");
  ASSERT_SHOWS(terminal, "got 6000");
}

TEST_F(model_chat, ctrl_c_drops_the_line_and_leaves_when_pressed_twice) {
  Pty terminal(chat("--chat-template echo.jinja"));
  const termios before = terminal.settings();
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("dropped");
  ASSERT_SHOWS(terminal, "dropped");
  terminal.type(kCtrlC);
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("kept\r");
  ASSERT_SHOWS(terminal, "got <kept>");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("\"\"\"an open text\r");
  ASSERT_SHOWS(terminal, "... ");
  terminal.type(kCtrlC);
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type(kCtrlC);
  ASSERT_SHOWS(terminal, "Ctrl-C again");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type(kCtrlC);
  EXPECT_EQ(terminal.wait(), 0) << terminal.transcript();
  const termios after = terminal.settings();
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_EQ(after.c_iflag, before.c_iflag);
}

TEST_F(model_chat, ctrl_c_stops_the_answer_and_the_next_turn_reuses_it) {
  Pty terminal(chat(std::string("--ctx 4096") + kEndless));
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("Tell a story.\r");
  ASSERT_SHOWS(terminal, "story.\r\n");
  ASSERT_TRUE(terminal.shows_bytes(60)) << terminal.transcript();
  terminal.type(kCtrlC);
  ASSERT_SHOWS(terminal, "(stopped)");
  ASSERT_SHOWS(terminal, kPrompt);
  const size_t second = terminal.transcript().size();
  terminal.type("Go on.\r");
  ASSERT_SHOWS(terminal, "on.\r\n");
  ASSERT_TRUE(terminal.shows_bytes(40)) << terminal.transcript();
  terminal.type(kCtrlC);
  ASSERT_SHOWS(terminal, kPrompt);
  std::smatch found;
  const std::string report = terminal.transcript().substr(second);
  ASSERT_TRUE(std::regex_search(report, found, std::regex("\\(([0-9]+) reused\\)"))) << report;
  EXPECT_GT(std::stoi(found[1]), 40) << "the first question's prompt alone has about 35 tokens\n" << report;
  terminal.type(kCtrlD);
  EXPECT_EQ(terminal.wait(), 0) << terminal.transcript();
}

TEST_F(model_chat, a_full_context_says_so_with_both_numbers) {
  Pty terminal(chat(std::string("-q --ctx 64") + kEndless));
  for (int i = 0; i < 2; ++i) {
    ASSERT_SHOWS(terminal, kPrompt);
    terminal.type("Tell a story.\r");
    ASSERT_SHOWS(terminal, "(the context of 64 is full: /clear, or start again with --ctx 128)");
    ASSERT_SHOWS(terminal, kPrompt);
    terminal.type("Go on.\r");
    ASSERT_SHOWS(terminal, "error[runtime/prompt-too-long]: the prompt has ");
    ASSERT_SHOWS(terminal, " tokens, the context holds 64");
    ASSERT_SHOWS(terminal, "fix: /clear");
    ASSERT_SHOWS(terminal, kPrompt);
    terminal.type("/clear\r");
  }
}

TEST_F(model_chat, commands) {
  Pty terminal(chat("--chat-template echo.jinja"));
  const auto say = [&](const std::string& line, const std::string& wanted) {
    ASSERT_SHOWS(terminal, kPrompt);
    terminal.type(line + "\r");
    ASSERT_SHOWS(terminal, line);
    ASSERT_SHOWS(terminal, wanted);
  };
  say("/help", "/set NAME VALUE");
  say("/set  temp  0.5 ", "temp 0.5, top-k 40");
  say("/set seed 12345678901234567890", "seed 12345678901234567890");
  say("/set seed -1", "error[cli/usage]: seed '-1'");
  say("/set top-k 1.5", "error[cli/usage]: top-k '1.5'");
  say("/set temp", "error[cli/usage]: temp ''");
  say("/set tmep 1", "fix: /set temp VALUE");
  say("/set system Be brief.", "system message: Be brief.");
  say("/set", "system message: Be brief.");
  say("/set system", "system message: none");
  say("/template nothing-of-the-sort", "error[runtime/unknown-template]");
  say("/nothing", "error[cli/usage]: there is no command '/nothing'");
  say(" /nothing", "got < /nothing>");
  say("/template chatml", "chatml: ");
  say("/clear", "forgotten");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("/exit\r");
  EXPECT_EQ(terminal.wait(), 0) << terminal.transcript();
}

TEST_F(model_chat, the_terminal_is_put_right_when_ended_from_outside) {
  Pty terminal(chat("--chat-template echo.jinja"));
  const termios before = terminal.settings();
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.signal(SIGTERM);
  EXPECT_EQ(terminal.wait(), 128 + SIGTERM) << terminal.transcript();
  EXPECT_EQ(terminal.settings().c_lflag, before.c_lflag);

  Pty closed(chat("--chat-template echo.jinja"));
  ASSERT_SHOWS(closed, kPrompt);
  closed.hang_up();
  // By the signal, or by the end of input where that comes first.
  EXPECT_THAT(closed.wait(), testing::AnyOf(128 + SIGHUP, 0, 1)) << closed.transcript();
}

TEST_F(model_chat, standard_output_in_a_file_holds_the_answer_alone) {
  Pty terminal(chat("--raw -n 4 >answer"));
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type("The capital of France is\r");
  ASSERT_SHOWS(terminal, "tok/s");
  ASSERT_SHOWS(terminal, kPrompt);
  terminal.type(kCtrlD);
  EXPECT_EQ(terminal.wait(), 0) << terminal.transcript();
  std::ifstream file(folder_.path("answer"));
  const std::string answer{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(answer.find("Paris"), std::string::npos) << answer;
  EXPECT_EQ(answer.find('>'), std::string::npos) << answer;
}

}  // namespace
}  // namespace lupo::cli_test
