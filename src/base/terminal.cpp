#include "base/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/printable.h"

namespace lupo {
namespace {

bool color_is_refused() {
  const char* refused = std::getenv("NO_COLOR");
  return refused != nullptr && *refused != '\0';
}

volatile std::sig_atomic_t interrupted = 0;
struct sigaction previous_action;

extern "C" void note_interrupt(int) { interrupted = 1; }

volatile std::sig_atomic_t keyboard_pipe = -1;  // where signals are told while a Keyboard lives

extern "C" void tell_keyboard(int signal) {
  const int saved = errno;
  const auto number = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t n = write(keyboard_pipe, &number, 1);
  errno = saved;
}

}  // namespace

bool is_terminal_in() { return isatty(STDIN_FILENO) != 0; }
bool is_terminal_out() { return isatty(STDOUT_FILENO) != 0; }
bool is_terminal_err() { return isatty(STDERR_FILENO) != 0; }

bool wants_color() { return is_terminal_err() && !color_is_refused(); }
bool wants_color_out() { return is_terminal_out() && !color_is_refused(); }

int columns_out() {
  winsize size{};
  return is_terminal_out() && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string lower = in_lower_case(value);
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  return false;
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

Keyboard::Keyboard() {
  if (pipe2(pipe_.data(), O_CLOEXEC | O_NONBLOCK) != 0) pipe_ = {-1, -1};  // then signals do not wake: keys still do
  keyboard_pipe = pipe_[1];
  struct sigaction action = {};
  action.sa_handler = tell_keyboard;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &previous_[i]);
}

Keyboard::~Keyboard() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous_[i], nullptr);
  keyboard_pipe = -1;
  for (const int fd : pipe_) close(fd);
  if (ended_by_ != 0) raise(ended_by_);
}

Wake Keyboard::next(char& byte) {
  for (;;) {
    std::array<pollfd, 2> ready{{{pipe_[0], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return Wake::end;
    unsigned char signal = 0;
    if (ready[0].revents != 0 && read(pipe_[0], &signal, 1) == 1) {
      if (signal == SIGINT) return Wake::interrupted;
      if (signal == SIGWINCH) return Wake::resized;
      if (signal == SIGCONT) return Wake::resumed;
      ended_by_ = signal;
      return Wake::end;
    }
    if (ready[1].revents == 0) continue;
    const ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n == 1) return Wake::byte;
    if (n == 0 || (errno != EINTR && errno != EAGAIN)) return Wake::end;
  }
}

}  // namespace lupo
