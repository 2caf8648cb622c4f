// src/cli/codes against the codes of errors and findings that the sources make.
//
// Structure is read from the text with literals blanked, so that no comma or bracket of a message counts; the literals themselves
// from the text with its comments blanked. Both have the same length.
#include <algorithm>
#include <map>
#include <optional>
#include <regex>

#include "tidy/tidy.h"

namespace lupo::tidy {
namespace {

constexpr const char* kFolder = "src/cli/codes/";
constexpr const char* kFail = "src/base/result.h";  // fail() hands any code on; what it is called with is looked at by its layer

// A code as a source makes it or the registry explains it. Layer "": none, or any where it cannot be told.
struct Site {
  std::string layer, code;
  std::string path;
  int line;
};

struct File {
  const Source& source;
  std::string text;         // comments blanked
  const std::string& code;  // literals too
};

// Half open, in a file's text.
struct Range {
  size_t begin, end;
};

struct Found {
  std::vector<Site> made, compared;
};

int line_at(const File& file, size_t at) {
  return 1 + static_cast<int>(std::count(file.text.begin(), file.text.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

bool opens(char c) { return c == '(' || c == '{' || c == '['; }
bool closes(char c) { return c == ')' || c == '}' || c == ']'; }

// To the comma, semicolon or closing bracket that ends an expression.
Range expression_at(const std::string& code, size_t begin) {
  int depth = 0;
  for (size_t i = begin; i < code.size(); ++i) {
    if (opens(code[i])) ++depth;
    if (closes(code[i]) && depth-- == 0) return {begin, i};
    if (depth == 0 && (code[i] == ',' || code[i] == ';')) return {begin, i};
  }
  return {begin, code.size()};
}

// The bracket that opened what `at` stands in; npos outside of all.
size_t opening_before(const std::string& code, size_t at) {
  int depth = 0;
  for (size_t i = at; i-- > 0;) {
    if (closes(code[i])) ++depth;
    if (opens(code[i]) && depth-- == 0) return i;
  }
  return std::string::npos;
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \n");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \n") + 1 - first);
}

void each_match(const std::string& text, const std::regex& pattern, const auto& visit) {
  for (auto match = std::sregex_iterator(text.begin(), text.end(), pattern); match != std::sregex_iterator(); ++match)
    visit(*match, static_cast<size_t>(match->position()));
}

// The string literals of a range; what is compared with is none that the expression gives.
std::vector<Site> literals_in(const File& file, Range range, const std::string& layer) {
  static const std::regex literal("(== *|!= *)?\"([^\"\\\\\n]*)\"");
  std::vector<Site> sites;
  each_match(file.text.substr(range.begin, range.end - range.begin), literal, [&](const std::smatch& match, size_t at) {
    if (!match[1].matched) sites.push_back({layer, match[2], file.source.path, line_at(file, range.begin + at)});
  });
  return sites;
}

// The argument of that index of the call whose bracket opens at `open`.
std::optional<Range> argument(const std::string& code, size_t open, size_t index) {
  Range range = expression_at(code, open + 1);
  for (; index > 0; --index) {
    if (range.end >= code.size() || code[range.end] != ',') return std::nullopt;
    range = expression_at(code, range.end + 1);
  }
  return range;
}

// Follows codes through the files.
class Search {
 public:
  Search(const std::vector<File>& files, Found& found, std::vector<Complaint>& complaints)
      : files_(files), found_(found), complaints_(complaints) {}

  void all() {
    for (const File& file : files_) {
      behind_layers(file);
      behind_fields(file);
      comparisons(file);
    }
  }

 private:
  void behind_layers(const File& file) {
    static const std::regex layer("\\bLayer::(\\w+)\\s*,");
    each_match(file.code, layer, [&](const std::smatch& match, size_t at) {
      take(file, expression_at(file.code, at + static_cast<size_t>(match.length())), match[1]);
    });
    // A layer that is a variable: the code may be any layer's.
    static const std::regex variable("\\b(fail\\s*\\(|Error\\s*\\{|Finding\\s*\\{)\\s*[a-z_.]+\\s*,");
    each_match(file.code, variable, [&](const std::smatch& match, size_t at) {
      take(file, expression_at(file.code, at + static_cast<size_t>(match.length())), "");
    });
  }

  void behind_fields(const File& file) {
    static const std::regex field("(\\.|->)code\\s*=(?!=)"), layer_field("\\.layer\\s*=\\s*Layer::(\\w+)");
    each_match(file.code, field, [&](const std::smatch& match, size_t at) {
      const size_t open = opening_before(file.code, at);
      const size_t begin = open == std::string::npos ? 0 : open;
      const std::string before = file.code.substr(begin, at - begin);
      std::smatch layer;
      const bool knows = file.code[begin] == '{' && std::regex_search(before, layer, layer_field);
      // A variable there comes with its layer, and is found behind it.
      for (const Site& site :
           literals_in(file, expression_at(file.code, at + static_cast<size_t>(match.length())), knows ? layer[1].str() : ""))
        found_.made.push_back(site);
    });
  }

  void comparisons(const File& file) {
    static const std::regex comparison("\\bcode *(==|!=) *\"([^\"\n]*)\"");
    each_match(file.text, comparison, [&](const std::smatch& match, size_t at) {
      found_.compared.push_back({"", match[2], file.source.path, line_at(file, at)});
    });
  }

  // What stands where a code is wanted.
  void take(const File& file, Range range, const std::string& layer) {
    const std::vector<Site> sites = literals_in(file, range, layer);
    found_.made.insert(found_.made.end(), sites.begin(), sites.end());
    if (!sites.empty()) return;
    static const std::regex name("(?:std::(?:move|string)\\()?([A-Za-z_]\\w*)\\)?"), call("[A-Za-z_][\\w:]*\\(.*|.*\\bcode");
    const std::string expression = trimmed(file.code.substr(range.begin, range.end - range.begin));
    std::smatch match;
    if (std::regex_match(expression, match, name))
      follow(file, range.begin, match[1], layer);
    else if (std::regex_match(expression, call))
      cannot_tell(file, range.begin, expression);
  }

  // `name` is used as a code at `at`: a parameter of the function there, whose calls say which, or a number and no code at all.
  void follow(const File& file, size_t at, const std::string& name, const std::string& layer) {
    const std::regex number("\\b(double|float|int|int64_t|bool|size_t)\\s+" + name + "\\b");
    const std::regex parameter("[(,]\\s*(const\\s+)?(std::string_view|std::string|char)\\s*[&*]*\\s*" + name + "\\s*[,)]");
    const std::string before = file.code.substr(0, at);
    size_t declared = std::string::npos, counted = std::string::npos;
    each_match(before, number, [&](const std::smatch&, size_t where) { counted = where; });
    each_match(before, parameter, [&](const std::smatch&, size_t where) { declared = where; });
    if (counted != std::string::npos && (declared == std::string::npos || declared < counted)) return;
    if (declared == std::string::npos) return cannot_tell(file, at, name);
    const size_t open = before[declared] == '(' ? declared : opening_before(before, declared);
    const std::string callee = name_before(before, open);
    if (callee.empty()) return cannot_tell(file, at, name);
    if (!followed_.insert(file.source.path + " " + callee + " " + layer).second) return;
    size_t index = 0;
    while (argument(before, open, index) && argument(before, open, index)->end <= declared) ++index;
    for (const File& other : files_)
      if (&other == &file || file.source.path.ends_with(".h")) calls(other, callee, index, layer, &other == &file ? open : 0);
  }

  // Of a function, or of the variable that holds a lambda.
  static std::string name_before(const std::string& before, size_t open) {
    static const std::regex function("(\\w+)\\s*$"), lambda("(\\w+)\\s*=\\s*\\[[^\\]]*\\]\\s*$");
    const std::string head = before.substr(0, open).substr(open > 200 ? open - 200 : 0);
    std::smatch match;
    if (std::regex_search(head, match, lambda) || std::regex_search(head, match, function)) return match[1];
    return "";
  }

  void calls(const File& file, const std::string& callee, size_t index, const std::string& layer, size_t definition) {
    static const std::regex declaration("(const\\s+)?(std::string|char|auto).*");
    each_match(file.code, std::regex("\\b" + callee + "\\s*\\("), [&](const std::smatch& match, size_t at) {
      const size_t open = at + static_cast<size_t>(match.length()) - 1;
      const auto range = argument(file.code, open, index);
      if (open == definition || !range) return;
      if (!std::regex_match(trimmed(file.code.substr(range->begin, range->end - range->begin)), declaration))
        take(file, *range, layer);
    });
  }

  void cannot_tell(const File& file, size_t at, const std::string& expression) {
    complaints_.push_back({file.source.path, line_at(file, at), "codes",
                           "which code `" + expression + "` is cannot be told: write a literal, or hand it on as a parameter"});
  }

  const std::vector<File>& files_;
  Found& found_;
  std::vector<Complaint>& complaints_;
  std::set<std::string> followed_;
};

std::string full_name(const Site& site) { return site.layer.empty() ? site.code : site.layer + "/" + site.code; }
std::string file_for(const Site& site) { return kFolder + (site.layer.empty() ? "no_layer" : site.layer) + ".inc"; }

std::vector<Site> explained_in(const std::vector<Source>& sources, std::vector<Complaint>& complaints) {
  static const std::regex entry("\\{\\s*(Layer::(\\w+)|std::nullopt)\\s*,\\s*\"([^\"]*)\"");
  std::vector<Site> explained;
  std::set<std::string> names;
  for (const Source& source : sources) {
    if (!source.path.starts_with(kFolder) || !source.path.ends_with(".inc")) continue;
    const File file{source, blank_comments(source.text), source.text};
    each_match(file.text, entry, [&](const std::smatch& match, size_t at) {
      const Site site{match[2], match[3], source.path, line_at(file, at)};
      explained.push_back(site);
      if (file_for(site) != source.path)
        complaints.push_back({source.path, site.line, "codes", full_name(site) + " belongs into " + file_for(site)});
      if (!names.insert(full_name(site)).second)
        complaints.push_back({source.path, site.line, "codes", full_name(site) + " is explained twice"});
    });
  }
  return explained;
}

bool same(const Site& made, const Site& explained) {
  return made.code == explained.code && (made.layer.empty() || made.layer == explained.layer);
}

}  // namespace

void check_codes(const std::vector<Source>& sources, std::vector<Complaint>& complaints) {
  std::vector<File> files;
  for (const Source& source : sources)
    if (source.path.starts_with("src/") && !source.path.starts_with(kFolder) && source.path != kFail && !source.code.empty())
      files.push_back({source, blank_comments(source.text), source.code});
  Found found;
  Search(files, found, complaints).all();
  const std::vector<Site> explained = explained_in(sources, complaints);
  std::set<std::string> reported;
  for (const Site& made : found.made) {
    if (std::ranges::any_of(explained, [&](const Site& one) { return same(made, one); })) continue;
    if (reported.insert(full_name(made)).second)
      complaints.push_back({made.path, made.line, "codes", full_name(made) + " is not explained: add it to " + file_for(made)});
  }
  for (const Site& one : explained)
    if (std::ranges::none_of(found.made, [&](const Site& made) { return same(made, one); }))
      complaints.push_back({one.path, one.line, "codes", full_name(one) + " is explained, but no source makes it"});
  for (const Site& one : found.compared)
    if (std::ranges::none_of(explained, [&](const Site& known) { return same(one, known); }))
      complaints.push_back({one.path, one.line, "codes", "compared with " + one.code + ", which is no code"});
}

}  // namespace lupo::tidy
