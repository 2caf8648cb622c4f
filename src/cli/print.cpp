#include "cli/print.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/printable.h"
#include "base/terminal.h"

namespace lupo::cli {

void print(const Error& error) {
  std::string lines = fmt::format("error[{}/{}]: {}\n", layer_name(error.layer), error.code, printable(error.what));
  if (!error.fix.empty()) lines += fmt::format("fix: {}\n", printable(error.fix));
  std::fputs(lines.c_str(), stderr);  // not fmt::print, which throws when nobody reads: this is what a handler calls
}

void print_note(const std::string& note) {
  const char *dim = wants_color() ? "\033[2m" : "", *plain = wants_color() ? "\033[0m" : "";
  fmt::print(stderr, "{}{}{}\n", dim, printable(note), plain);
}

void print_answer(std::string_view piece) {
  const std::string shown = is_terminal_out() ? printable(piece, std::string::npos) : std::string(piece);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

}  // namespace lupo::cli
