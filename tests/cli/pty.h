// A command on a pseudo-terminal of its own: what a user types and sees, without anyone's clock. Waits end as soon as what they
// wait for is there; the limit is for a command that hangs.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <string>

namespace lupo::cli_test {

class Pty {
 public:
  // Run by sh, with TERM=xterm, 80 columns and 24 rows.
  explicit Pty(const std::string& command);
  ~Pty();  // kills what still runs
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  void type(const std::string& keys);
  // Whether `text` comes after what was waited for before, within a minute.
  bool shows(const std::string& text);
  // Whether `n` bytes come so.
  bool shows_bytes(size_t n);
  void resize(int columns, int rows);
  void signal(int number);  // to the foreground process
  void hang_up();           // the window is closed
  // Exit code, or 128 + the signal that ended it; −1 when it does not end within a minute.
  int wait();

  termios settings() const;
  const std::string& transcript() const { return transcript_; }

 private:
  bool pump(int wait_ms);  // takes what there is to read; false when nothing came

  int terminal_ = -1;
  pid_t child_ = -1;
  std::string transcript_, typed_;  // typed_: not yet taken by the terminal
  size_t seen_ = 0;                 // of the transcript
};

}  // namespace lupo::cli_test
