// Lines from the terminal with editing and history (libedit): UTF-8, Ctrl-C that drops the line, pastes that stay whole.
//
// What is edited is shown on standard output, or on standard error when standard output is no terminal. One at a time, one
// thread.
#pragma once

#include <optional>
#include <string>

#include "base/terminal.h"

struct editline;
struct history;

namespace lupo::cli {

struct InputLine {
  enum class End {
    enter,
    inside_paste,  // the line ended within a paste: what is pasted goes on in the next line
    interrupted,   // Ctrl-C; `text` is what had been typed
    end_of_input,  // Ctrl-D in an empty line, or the terminal is gone
  };
  End end = End::enter;
  std::string text;  // without its newline
};

class LineEditor {
 public:
  LineEditor();
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  InputLine read(const char* prompt);
  void remember(const std::string& message);  // for the arrow keys

 private:
  static char* prompt_of(editline* line);
  static int next_key(editline* line, wchar_t* key);
  static unsigned char begin_paste(editline* line, int key);
  std::optional<char> next_byte();
  std::optional<char> next_pasted_byte();

  editline* line_;
  history* history_;
  std::FILE* out_;
  const char* prompt_ = "";
  Keyboard* keyboard_ = nullptr;  // while a line is read
  std::string waiting_;           // bytes that were read too far, the next one last
  bool pasting_ = false, interrupted_ = false;
};

}  // namespace lupo::cli
