// Just enough of C++'s surface to measure functions: literals and comments go first, then braces are matched.
#include <algorithm>
#include <regex>

#include "tidy/tidy.h"

namespace lupo::tidy {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// A quote inside a number (1'000) separates digits; any other opens a character literal.
bool separates_digits(std::string_view text, size_t quote) {
  size_t begin = quote;
  while (begin > 0 && (is_word(text[begin - 1]) || text[begin - 1] == '\'')) --begin;
  return begin < quote && std::isdigit(static_cast<unsigned char>(text[begin]));
}

// End (exclusive) of the literal or comment that starts at i; i itself when none starts there.
size_t end_of_hidden(std::string_view text, size_t i) {
  const std::string_view rest = text.substr(i);
  const auto until = [&](std::string_view mark, size_t from) {
    const size_t at = text.find(mark, from);
    return at == std::string_view::npos ? text.size() : at + mark.size();
  };
  if (rest.starts_with("//")) return std::min(text.find('\n', i), text.size());
  if (rest.starts_with("/*")) return until("*/", i + 2);
  if (rest.starts_with("R\"")) {
    const size_t open = text.find('(', i);
    if (open == std::string_view::npos) return text.size();
    return until(")" + std::string(text.substr(i + 2, open - i - 2)) + "\"", open);
  }
  if (rest[0] != '"' && (rest[0] != '\'' || separates_digits(text, i))) return i;
  size_t j = i + 1;
  while (j < text.size() && text[j] != rest[0] && text[j] != '\n') j += text[j] == '\\' ? 2 : 1;
  return std::min(j + 1, text.size());
}

void blank_preprocessor(std::string& code) {
  bool continued = false;
  for (size_t begin = 0; begin < code.size();) {
    const size_t end = std::min(code.find('\n', begin), code.size());
    const size_t first = code.find_first_not_of(' ', begin);
    const bool directive = continued || (first < end && code[first] == '#');
    continued = directive && end > begin && code[end - 1] == '\\';
    if (directive) std::fill(code.begin() + static_cast<ptrdiff_t>(begin), code.begin() + static_cast<ptrdiff_t>(end), ' ');
    begin = end + 1;
  }
}

enum class Block { scope, function, other };  // scope: namespace, class, enum; other: initialisers

Block classify(const std::string& head) {
  static const std::regex template_intro("^template *<[^>]*(<[^>]*>[^>]*)*> *");
  static const std::regex scope("(^|[^A-Za-z0-9_])(namespace|class|struct|union|enum|extern)([^A-Za-z0-9_]|$)");
  const std::string bare = std::regex_replace(head, template_intro, "");
  const size_t paren = bare.find('(');
  std::smatch match;
  if (std::regex_search(bare, match, scope)) {
    // `struct Foo make() {` is a function, `struct alignas(64) Foo {` is not: the former ends with its parameters.
    if (paren == std::string::npos || bare.back() != ')') return Block::scope;
  }
  if (paren == std::string::npos || bare.back() == '=' || bare.back() == '(' || bare.back() == ',') return Block::other;
  return Block::function;
}

std::string squeeze(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool blank = std::isspace(static_cast<unsigned char>(c));
    if (!blank) out += c;
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

size_t matching_brace(const std::string& code, size_t open) {
  int depth = 0;
  for (size_t i = open; i < code.size(); ++i) {
    if (code[i] == '{') ++depth;
    if (code[i] == '}' && --depth == 0) return i;
  }
  return code.size();
}

int line_of(const std::string& code, size_t at) {
  return 1 + static_cast<int>(std::count(code.begin(), code.begin() + static_cast<ptrdiff_t>(std::min(at, code.size())), '\n'));
}

}  // namespace

namespace {

std::string blank(std::string_view text, bool with_literals) {
  std::string code(text);
  for (size_t i = 0; i < text.size();) {
    const size_t end = end_of_hidden(text, i);
    const bool blanks = with_literals || text[i] == '/';  // of what is hidden only a comment begins with it
    for (size_t j = i; j < end && blanks; ++j) {
      if (code[j] != '\n') code[j] = ' ';
    }
    i = std::max(end, i + 1);
  }
  return code;
}

}  // namespace

std::string blank_comments_and_literals(std::string_view text) { return blank(text, true); }
std::string blank_comments(std::string_view text) { return blank(text, false); }

std::vector<Function> find_functions(const std::string& original) {
  std::string code = original;
  blank_preprocessor(code);
  std::vector<Function> functions;
  size_t head_begin = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i] == ';' || code[i] == '}') head_begin = i + 1;
    if (code[i] != '{') continue;
    const std::string head = squeeze(code.substr(head_begin, i - head_begin));
    const Block block = classify(head);
    if (block == Block::scope) {
      head_begin = i + 1;
      continue;
    }
    const size_t close = matching_brace(code, i);
    const size_t next = code.find_first_not_of(" \n", close + 1);
    // A brace that is followed by a comma or another brace initialised a member: the constructor's head goes on.
    const bool goes_on = next != std::string::npos && (code[next] == ',' || code[next] == '{');
    if (block == Block::function && !goes_on) {
      const int first = line_of(code, code.find_first_not_of(" \n", head_begin));
      functions.push_back({head, first, line_of(code, close) - first + 1});
    }
    i = close;
    if (!goes_on) head_begin = close + 1;
  }
  return functions;
}

}  // namespace lupo::tidy
