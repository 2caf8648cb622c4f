#include "cli/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>

namespace lupo::cli_test {
namespace {

constexpr std::chrono::seconds kLimit{60};
using Clock = std::chrono::steady_clock;

}  // namespace

Pty::Pty(const std::string& command) {
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  child_ = forkpty(&terminal_, nullptr, nullptr, &size);
  if (child_ == 0) {
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C", 1);  // the editor must not depend on it
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  fcntl(terminal_, F_SETFL, O_NONBLOCK);
}

Pty::~Pty() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  hang_up();
}

bool Pty::pump(int wait_ms) {
  pollfd ready{terminal_, static_cast<short>(POLLIN | (typed_.empty() ? 0 : POLLOUT)), 0};
  if (poll(&ready, 1, wait_ms) <= 0) return false;
  if (ready.revents & POLLOUT) {
    const ssize_t n = write(terminal_, typed_.data(), typed_.size());
    if (n > 0) typed_.erase(0, static_cast<size_t>(n));
  }
  std::array<char, 4096> chunk;
  const ssize_t n = read(terminal_, chunk.data(), chunk.size());
  if (n > 0) transcript_.append(chunk.data(), static_cast<size_t>(n));
  return n > 0 || (ready.revents & POLLOUT) != 0;
}

void Pty::type(const std::string& keys) {
  typed_ += keys;
  while (pump(0)) {
  }
}

bool Pty::shows(const std::string& text) {
  for (const auto end = Clock::now() + kLimit; Clock::now() < end; pump(100)) {
    const size_t at = transcript_.find(text, seen_);
    if (at == std::string::npos) continue;
    seen_ = at + text.size();
    return true;
  }
  return false;
}

bool Pty::shows_bytes(size_t n) {
  for (const auto end = Clock::now() + kLimit; Clock::now() < end; pump(100)) {
    if (transcript_.size() < seen_ + n) continue;
    seen_ += n;
    return true;
  }
  return false;
}

void Pty::resize(int columns, int rows) {
  const winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0, 0};
  ioctl(terminal_, TIOCSWINSZ, &size);
}

void Pty::signal(int number) { kill(-tcgetpgrp(terminal_), number); }

void Pty::hang_up() {
  if (terminal_ >= 0) close(terminal_);
  terminal_ = -1;
}

int Pty::wait() {
  for (const auto end = Clock::now() + kLimit; Clock::now() < end;) {
    int status = 0;
    if (waitpid(child_, &status, WNOHANG) == child_) {
      while (terminal_ >= 0 && pump(0)) {
      }
      child_ = -1;
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    terminal_ >= 0 ? static_cast<void>(pump(20)) : static_cast<void>(usleep(20000));
  }
  return -1;
}

termios Pty::settings() const {
  termios settings{};
  tcgetattr(terminal_, &settings);
  return settings;
}

}  // namespace lupo::cli_test
