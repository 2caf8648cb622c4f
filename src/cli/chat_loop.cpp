// The chat on a terminal: line editing and history (libedit), slash commands, multi-line input, Ctrl-C that stops the answer.
#include <editline/readline.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/printable.h"
#include "cli/conversation.h"
#include "cli/print.h"
#include "cli/sampling_options.h"

namespace lupo::cli {
namespace {

constexpr const char* kHelp =
    "/set NAME VALUE    temp, top-k, top-p, min-p, typical, repeat-penalty, repeat-last-n,\n"
    "                   frequency-penalty, presence-penalty, seed, or system TEXT\n"
    "/set               show the settings\n"
    "/template [NAME]   show the chat template, or change it to a built-in one or a file\n"
    "/clear             forget the conversation\n"
    "/help              this list\n"
    "/exit              leave (also Ctrl-D)\n"
    "A line that ends in \\ goes on in the next; \"\"\" begins and ends a text of several lines.\n"
    "Ctrl-C stops the answer.\n";

// One line without its end; nothing at the end of input.
std::optional<std::string> read_line(const char* prompt) {
  const std::unique_ptr<char, decltype(&std::free)> line(readline(prompt), &std::free);
  if (line == nullptr) return std::nullopt;
  return std::string(line.get());
}

// One message: lines joined over a trailing backslash or between triple quotes.
std::optional<std::string> read_message() {
  std::optional<std::string> line = read_line(">>> ");
  if (!line) return std::nullopt;
  std::string message;
  if (line->starts_with("\"\"\"")) {
    line = line->substr(3);
    while (line && !line->ends_with("\"\"\"")) {
      message += *line + "\n";
      line = read_line("... ");
    }
    if (line) message += line->substr(0, line->size() - 3);
  } else {
    while (line && line->ends_with('\\')) {
      message += line->substr(0, line->size() - 1) + "\n";
      line = read_line("... ");
    }
    if (line) message += *line;
  }
  if (!message.empty()) add_history(message.c_str());
  return message;
}

Result<void> change_setting(Conversation& conversation, const std::string& rest) {
  const size_t space = rest.find(' ');
  if (space == std::string::npos) {
    fmt::print("{}\n", describe(conversation.sampling()));
    return {};
  }
  const std::string name = rest.substr(0, space), value = rest.substr(space + 1);
  if (name == "system") {
    conversation.set_system(value);
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
  const size_t space = line.find(' ');
  const std::string name = line.substr(0, space), rest = space == std::string::npos ? "" : line.substr(space + 1);
  if (name == "/exit" || name == "/bye" || name == "/quit") return false;
  if (name == "/help" || name == "/?")
    fmt::print("{}", kHelp);
  else if (name == "/clear")
    conversation.clear();
  else if (name == "/set")
    TRY(change_setting(conversation, rest));
  else if (name == "/template")
    TRY(change_template(conversation, rest));
  else
    return fail(Layer::cli, "usage", fmt::format("there is no command '{}'", printable(name, 40)), "/help");
  return true;
}

void answer(Conversation& conversation, const std::string& text, int64_t n_predict, InterruptFlag& interrupt) {
  interrupt.clear();
  const auto show = [](std::string_view piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  const Result<Answer> result = conversation.ask(text, n_predict, show, interrupt);
  fmt::print("\n");
  if (!result) return print(result.error());
  if (result->stop == StopReason::context_full)
    fmt::print(stderr, "(the context of {} is full: /clear, or start with a greater --ctx)\n", conversation.engine().n_ctx());
  if (result->stop == StopReason::cancelled) fmt::print(stderr, "(stopped)\n");
  const char *dim = wants_color() ? "\033[2m" : "", *plain = wants_color() ? "\033[0m" : "";
  fmt::print(stderr, "{}{}{}\n", dim, to_line(report(conversation.engine(), *result, measure_roof_gbps(conversation.engine()))),
             plain);
}

}  // namespace

Result<void> chat_loop(Conversation& conversation, int64_t n_predict) {
  InterruptFlag interrupt;
  using_history();
  fmt::print("/help lists the commands; Ctrl-D leaves\n");
  for (;;) {
    std::fflush(stdout);
    const std::optional<std::string> message = read_message();
    if (!message) break;
    if (message->empty()) continue;
    if (!message->starts_with('/')) {
      answer(conversation, *message, n_predict, interrupt);
      continue;
    }
    const Result<bool> go_on = command(conversation, *message);
    if (!go_on)
      print(go_on.error());
    else if (!*go_on)
      break;
  }
  fmt::print("\n");
  return {};
}

}  // namespace lupo::cli
