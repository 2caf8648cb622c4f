// The chat on a terminal: slash commands, multi-line input, Ctrl-C that stops the answer.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/printable.h"
#include "cli/conversation.h"
#include "cli/line_editor.h"
#include "cli/print.h"
#include "cli/sampling_options.h"

namespace lupo::cli {
namespace {

constexpr const char* kHelp =
    "/set NAME VALUE    temp, top-k, top-p, min-p, typical, repeat-penalty, repeat-last-n,\n"
    "                   frequency-penalty, presence-penalty or seed\n"
    "/set system TEXT   the system message; without TEXT there is none\n"
    "/set               show the settings\n"
    "/template [NAME]   show the chat template, or change it to a built-in one or a file\n"
    "/clear             forget the conversation\n"
    "/help              this list\n"
    "/exit              leave (also Ctrl-D, or Ctrl-C twice)\n"
    "A line that ends in \\ goes on in the next; \"\"\" begins and ends a text of several lines; a paste stays whole.\n"
    "Ctrl-C stops the answer, or drops the line.\n";

constexpr std::string_view kQuotes = "\"\"\"";

// What the user entered: lines joined over a trailing backslash, between triple quotes, and within a paste.
struct Entry {
  InputLine::End end = InputLine::End::enter;
  std::string text;         // interrupted: what had been typed
  bool is_command = false;  // one line that begins with a slash
};

Entry read_entry(LineEditor& editor) {
  Entry entry;
  bool quoted = false;
  for (int n = 0;; ++n) {
    InputLine line = editor.read(n == 0 ? ">>> " : "... ");
    std::string& text = line.text;
    if (line.end == InputLine::End::interrupted || line.end == InputLine::End::end_of_input)
      return {line.end, entry.text + text, false};
    const bool pasting = line.end == InputLine::End::inside_paste;
    const bool opens = n == 0 && text.starts_with(kQuotes);
    if (opens) quoted = true, text.erase(0, kQuotes.size());
    const bool closes = quoted && text.ends_with(kQuotes);
    if (closes) quoted = false, text.resize(text.size() - kQuotes.size());
    const bool goes_on = !quoted && !closes && !pasting && text.ends_with('\\');
    if (goes_on) text.pop_back();
    if (n == 0) entry.is_command = text.starts_with('/') && !opens && !pasting && !goes_on;
    entry.text += text;
    if (!pasting && !quoted && !goes_on) {
      if (n > 0 && text.empty() && entry.text.ends_with('\n')) entry.text.pop_back();  // the line of the closing quotes
      return entry;
    }
    if (!(opens && text.empty())) entry.text += '\n';
  }
}

// The first word of a text and what follows it, blanks taken off.
std::pair<std::string, std::string> split_word(const std::string& text) {
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const size_t end = std::min(text.find(' ', begin), text.size());
  const size_t rest = std::min(text.find_first_not_of(' ', end), text.size());
  const size_t last = text.find_last_not_of(' ');
  return {text.substr(begin, end - begin), rest == text.size() ? "" : text.substr(rest, last + 1 - rest)};
}

Result<void> change_setting(Conversation& conversation, const std::string& rest) {
  const auto [name, value] = split_word(rest);
  if (name == "system") conversation.set_system(value);
  if (name == "system" || name.empty()) {
    fmt::print("{}\nsystem message: {}\n", describe(conversation.sampling()),
               conversation.system().empty() ? "none" : printable(conversation.system()));
    return {};
  }
  SamplingOptions options = conversation.sampling();
  TRY(set_sampling(options, name, value));
  conversation.set_sampling(options);
  fmt::print("{}\n", describe(options));
  return {};
}

Result<void> change_template(Conversation& conversation, const std::string& name) {
  if (!name.empty()) {
    TRY_ASSIGN(ChatTemplate chosen, ChatTemplate::choose(conversation.engine().model().metadata(), name));
    conversation.set_template(std::move(chosen));
  }
  const ChatTemplate* current = conversation.chat_template();
  if (current == nullptr)
    fmt::print("none: text goes to the model as it is\n");
  else if (name.empty())
    fmt::print("{}: {}\n{}\n", printable(current->name()), current->reason(), printable(current->source(), 1 << 16));
  else
    fmt::print("{}: {}\n", printable(current->name()), current->reason());
  return {};
}

// False when the conversation is over.
Result<bool> command(Conversation& conversation, const std::string& line) {
  const auto [name, rest] = split_word(line);
  if (name == "/exit" || name == "/bye" || name == "/quit") return false;
  if (name == "/help" || name == "/?")
    fmt::print("{}", kHelp);
  else if (name == "/clear")
    conversation.clear(), fmt::print("the conversation is forgotten\n");
  else if (name == "/set")
    TRY(change_setting(conversation, rest));
  else if (name == "/template")
    TRY(change_template(conversation, rest));
  else
    return fail(Layer::cli, "usage", fmt::format("there is no command '{}'", printable(name, 40)),
                "/help  # or a blank before it, when it is a message");
  return true;
}

void print_reason(const Conversation& conversation, const Answer& answer) {
  const int64_t n_ctx = conversation.engine().n_ctx();
  if (answer.stop == StopReason::context_full)
    fmt::print(stderr, "(the context of {} is full: /clear, or start again with --ctx {})\n", n_ctx, 2 * n_ctx);
  if (answer.stop == StopReason::length) fmt::print(stderr, "(stopped after {} tokens: -n)\n", answer.tokens.size());
  if (answer.stop == StopReason::cancelled) fmt::print(stderr, "(stopped)\n");
}

void answer(Conversation& conversation, Reporter& reporter, const std::string& text, const ChatOptions& options,
            InterruptFlag& interrupt) {
  interrupt.clear();
  Result<Answer> result = conversation.ask(text, options.n_predict, print_answer, interrupt);
  if (!result) {
    Error& error = result.error();
    if (error.code == "cancelled") return fmt::print(stderr, "({})\n", error.what);
    if (error.code == "prompt-too-long") error.fix = "/clear forgets what was said before; or start again with " + error.fix;
    return print(error);
  }
  fmt::print("\n");
  std::fflush(stdout);
  print_reason(conversation, *result);
  if (options.quiet) return;
  print_note(to_line(reporter.report(*result, conversation.circumstances())));
}

// False when the conversation is over.
bool handle(Conversation& conversation, Reporter& reporter, const Entry& entry, const ChatOptions& options,
            InterruptFlag& interrupt) {
  if (!entry.is_command) {
    answer(conversation, reporter, entry.text, options, interrupt);
    return true;
  }
  const Result<bool> go_on = command(conversation, entry.text);
  if (!go_on) print(go_on.error());
  return !go_on || *go_on;
}

}  // namespace

Result<void> chat_loop(Conversation& conversation, Reporter& reporter, const ChatOptions& options) {
  InterruptFlag interrupt;
  LineEditor editor;
  fmt::print("/help lists the commands; Ctrl-D leaves\n");
  bool asked_to_leave = false;
  for (;;) {
    if (std::fflush(stdout) != 0) break;  // nobody reads any more; main says so
    const Entry entry = read_entry(editor);
    if (entry.end == InputLine::End::end_of_input) break;
    if (entry.end == InputLine::End::interrupted) {
      if (!entry.text.empty()) continue;
      if (asked_to_leave) break;
      asked_to_leave = true;
      fmt::print("(Ctrl-C again or Ctrl-D leaves)\n");
      continue;
    }
    asked_to_leave = false;
    if (entry.text.find_first_not_of(" \t\n") == std::string::npos) continue;
    editor.remember(entry.text);
    if (!handle(conversation, reporter, entry, options, interrupt)) break;
  }
  return {};
}

}  // namespace lupo::cli
