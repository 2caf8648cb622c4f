// The terminal: is there one, does it want colour, what Ctrl-C does, and what wakes a line editor.
#pragma once

#include <signal.h>

#include <array>

namespace lupo {

bool is_terminal_in();
bool is_terminal_out();  // standard output
bool is_terminal_err();  // standard error
// Colour codes are wanted on standard error: it is a terminal and NO_COLOR is not set (no-color.org).
bool wants_color();
bool wants_color_out();  // the same of standard output

// Width of the terminal that standard output is; 0 when it is none.
int columns_out();
// The locale of the environment (LC_ALL, else LC_CTYPE, else LANG) names UTF-8.
bool locale_is_utf8();

// While one exists, Ctrl-C (SIGINT) sets a flag instead of ending the process. One at a time.
class InterruptFlag {
 public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;

  bool raised() const;
  void clear();
};

// What ended a wait for the keyboard.
enum class Wake { byte, end, interrupted, resized, resumed };

// Standard input while a line is edited: bytes, and the signals that matter to an editor, as values. Ctrl-C is `interrupted`, a
// new window size `resized`, the return from Ctrl-Z `resumed`. SIGTERM and SIGHUP are `end`, and are raised anew by the
// destructor: the editor puts the terminal right first. One at a time.
class Keyboard {
 public:
  Keyboard();
  ~Keyboard();
  Keyboard(const Keyboard&) = delete;
  Keyboard& operator=(const Keyboard&) = delete;

  Wake next(char& byte);  // waits

 private:
  static constexpr std::array kSignals = {SIGINT, SIGWINCH, SIGCONT, SIGTERM, SIGHUP};

  std::array<struct sigaction, kSignals.size()> previous_;
  std::array<int, 2> pipe_;  // the handler writes the number of the signal into it: a thread of ours may be the one that gets it
  int ended_by_ = 0;         // SIGTERM, SIGHUP or none
};

}  // namespace lupo
