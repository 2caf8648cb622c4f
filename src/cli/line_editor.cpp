#include "cli/line_editor.h"

#include <histedit.h>

#include <clocale>
#include <cstdio>
#include <cwchar>

namespace lupo::cli {
namespace {

constexpr auto kMalformed = static_cast<size_t>(-1);  // std::mbrtowc's answer
constexpr int kHistoryMax = 1000;
// Bracketed paste (xterm control sequences, "Bracketed Paste Mode"): the terminal marks where a paste begins and ends.
constexpr const char *kMarkPastes = "\033[?2004h", *kMarkNoPastes = "\033[?2004l";
constexpr std::string_view kPasteEnd = "\033[201~";
constexpr char kEscape = '\033';
// Keys of the editor. After Ctrl-C the cursor goes to the end first: what comes next is written below the whole line.
constexpr char kEndOfLine = 'E' - '@', kRedraw = '^' - '@';

LineEditor* self(EditLine* line) {
  void* data = nullptr;
  el_get(line, EL_CLIENTDATA, &data);
  return static_cast<LineEditor*>(data);
}

}  // namespace

LineEditor::LineEditor() : history_(history_init()), out_(is_terminal_out() ? stdout : stderr) {
  // Terminals speak UTF-8, whatever the locale says; libedit asks the locale how characters are written and how wide they are.
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) std::setlocale(LC_CTYPE, "");
  HistEvent event;
  ::history(history_, &event, H_SETSIZE, kHistoryMax);
  ::history(history_, &event, H_SETUNIQUE, 1);
  line_ = el_init("lupo", stdin, out_, stderr);
  el_set(line_, EL_CLIENTDATA, this);
  el_set(line_, EL_PROMPT, prompt_of);
  el_set(line_, EL_EDITOR, "emacs");
  el_set(line_, EL_SIGNAL, 0);  // the Keyboard's
  el_set(line_, EL_HIST, ::history, history_);
  el_set(line_, EL_GETCFN, next_key);
  el_set(line_, EL_ADDFN, "lupo-paste", "begin a paste", begin_paste);
  el_set(line_, EL_BIND, "\033[200~", "lupo-paste", nullptr);
  el_set(line_, EL_BIND, "^I", "ed-insert", nullptr);
  el_set(line_, EL_BIND, "^^", "ed-redisplay", nullptr);
  el_source(line_, nullptr);  // the user's ~/.editrc
}

LineEditor::~LineEditor() {
  el_end(line_);
  history_end(history_);
}

void LineEditor::remember(const std::string& message) {
  HistEvent event;
  ::history(history_, &event, H_ENTER, message.c_str());
}

InputLine LineEditor::read(const char* prompt) {
  prompt_ = prompt;
  interrupted_ = false;
  InputLine input;
  {
    Keyboard keyboard;
    keyboard_ = &keyboard;
    // Before the prompt, which libedit shows first: a terminal that still gathers lines keeps 4095 bytes of one, and its end of
    // input is lost in the change.
    el_set(line_, EL_PREP_TERM, 1);
    std::fputs(kMarkPastes, out_);
    std::fflush(out_);
    int n = 0;
    const char* text = el_gets(line_, &n);
    std::fputs(kMarkNoPastes, out_);
    if (text != nullptr) {
      input.text.assign(text, static_cast<size_t>(n));
    } else if (interrupted_) {
      const LineInfo* info = el_line(line_);
      input = {InputLine::End::interrupted, std::string(info->buffer, info->lastchar)};
      std::fputs("^C\n", out_);
    } else {
      input.end = InputLine::End::end_of_input;
      std::fputs("\n", out_);
    }
    std::fflush(out_);
    keyboard_ = nullptr;
  }
  if (interrupted_ || input.end == InputLine::End::end_of_input) pasting_ = false, waiting_.clear();
  while (input.text.ends_with('\n')) input.text.pop_back();
  if (pasting_) input.end = InputLine::End::inside_paste;
  return input;
}

char* LineEditor::prompt_of(EditLine* line) { return const_cast<char*>(self(line)->prompt_); }

unsigned char LineEditor::begin_paste(EditLine* line, int) {
  self(line)->pasting_ = true;
  return CC_NORM;
}

// The next byte of the keyboard, or the key that does what a signal wants; nothing when the line has to end.
std::optional<char> LineEditor::next_byte() {
  if (interrupted_) return std::nullopt;
  if (!waiting_.empty()) {
    const char byte = waiting_.back();
    waiting_.pop_back();
    return byte;
  }
  for (;;) {
    char byte = 0;
    switch (keyboard_->next(byte)) {
      case Wake::byte: return byte;
      case Wake::end: return std::nullopt;
      case Wake::interrupted: interrupted_ = true; return kEndOfLine;
      case Wake::resumed:  // the shell has had the terminal
        el_set(line_, EL_PREP_TERM, 0);
        el_set(line_, EL_PREP_TERM, 1);
        return kRedraw;
      case Wake::resized: el_resize(line_); return kRedraw;
    }
  }
}

// Of a paste only text gets in: line ends as \n, no other control byte but the tab.
std::optional<char> LineEditor::next_pasted_byte() {
  while (pasting_) {
    std::optional<char> byte = next_byte();
    if (!byte) return std::nullopt;
    if (*byte == '\r') return '\n';
    if (*byte == kEscape) {
      std::string seen(1, kEscape);
      while (seen.size() < kPasteEnd.size() && kPasteEnd.starts_with(seen)) {
        byte = next_byte();
        if (!byte) return std::nullopt;
        seen += *byte;
      }
      if (seen == kPasteEnd)
        pasting_ = false;
      else
        waiting_.append(seen.rbegin(), seen.rend() - 1);
      continue;
    }
    const auto code = static_cast<unsigned char>(*byte);
    if (code >= 0x20 ? code != 0x7F : *byte == '\n' || *byte == '\t') return byte;
  }
  return next_byte();
}

// libedit's reader: 1 and a character, 0 at the end of input, −1 when interrupted.
int LineEditor::next_key(EditLine* line, wchar_t* key) {
  LineEditor& editor = *self(line);
  std::mbstate_t state{};
  for (;;) {
    const std::optional<char> byte = editor.pasting_ ? editor.next_pasted_byte() : editor.next_byte();
    if (!byte) return editor.interrupted_ ? -1 : 0;
    if (*byte == '\0') return *key = L'\0', 1;
    size_t length = std::mbrtowc(key, &*byte, 1, &state);
    if (length == kMalformed) state = {}, length = std::mbrtowc(key, &*byte, 1, &state);  // what came before is dropped
    if (length == 1) return 1;
    if (length == kMalformed) state = {};
  }
}

}  // namespace lupo::cli
