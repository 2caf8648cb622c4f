// The terminal: is there one, does it want colour, and what Ctrl-C does.
#pragma once

#include <atomic>

namespace lupo {

bool is_terminal_in();
bool is_terminal_out();  // standard output
bool is_terminal_err();  // standard error
// Colour codes are wanted on standard error: it is a terminal and NO_COLOR is not set (no-color.org).
bool wants_color();

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

}  // namespace lupo
