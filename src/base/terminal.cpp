#include "base/terminal.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace lupo {
namespace {

volatile std::sig_atomic_t interrupted = 0;
struct sigaction previous_action;

extern "C" void note_interrupt(int) { interrupted = 1; }

}  // namespace

bool is_terminal_in() { return isatty(STDIN_FILENO) != 0; }
bool is_terminal_out() { return isatty(STDOUT_FILENO) != 0; }
bool is_terminal_err() { return isatty(STDERR_FILENO) != 0; }

bool wants_color() {
  const char* refused = std::getenv("NO_COLOR");
  return is_terminal_err() && (refused == nullptr || *refused == '\0');
}

InterruptFlag::InterruptFlag() {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = note_interrupt;  // without SA_RESTART: a read from the terminal returns
  sigaction(SIGINT, &action, &previous_action);
}

InterruptFlag::~InterruptFlag() { sigaction(SIGINT, &previous_action, nullptr); }

bool InterruptFlag::raised() const { return interrupted != 0; }
void InterruptFlag::clear() { interrupted = 0; }

}  // namespace lupo
