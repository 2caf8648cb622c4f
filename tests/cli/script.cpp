#include "cli/script.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

namespace lupo::cli_test {
namespace {

using nlohmann::json;

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// "word rest": the word; `text` becomes the rest.
std::string take_word(std::string& text) {
  const size_t blank = std::min(text.find(' '), text.size());
  std::string word = text.substr(0, blank);
  text.erase(0, std::min(blank + 1, text.size()));
  return word;
}

bool any_matches(const std::vector<std::string>& lines, const std::string& pattern) {
  const std::regex regex(pattern);
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return std::regex_search(line, regex); });
}

bool has_type(const json& value, const std::string& type) {
  return (type == "number" && value.is_number()) || (type == "integer" && value.is_number_integer()) ||
         (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
         (type == "array" && value.is_array()) || (type == "object" && value.is_object());
}

bool holds(const json& value, std::string check) {
  const std::string word = take_word(check);
  if (word == "~") return value.is_string() && std::regex_search(value.get<std::string>(), std::regex(check));
  if (check.empty()) return has_type(value, word);
  const json wanted = json::parse(check);
  if (word == "=") return value == wanted;
  if (word == "in") return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
  if (!value.is_number()) return false;
  return (word == ">" && value > wanted) || (word == ">=" && value >= wanted) || (word == "<" && value < wanted);
}

// The values at a JSON pointer in which `*` stands for every element.
std::vector<const json*> select(const json& root, const std::string& path) {
  std::vector<const json*> found{&root};
  std::istringstream parts(path);
  std::string part;
  std::getline(parts, part, '/');  // what stands before the first slash: nothing
  while (std::getline(parts, part, '/')) {
    std::vector<const json*> next;
    for (const json* value : found) {
      if (part == "*" && value->is_array()) {
        for (const json& element : *value) next.push_back(&element);
        continue;
      }
      const json::json_pointer step("/" + part);
      if (value->contains(step)) next.push_back(&value->at(step));
    }
    found = next;
  }
  return found;
}

std::optional<std::string> check_json(const std::string& out, std::string text) {
  const json root = json::parse(out, nullptr, false);
  if (root.is_discarded()) return "standard output is not one JSON value";
  if (text.empty()) return std::nullopt;
  const std::string path = take_word(text);
  const std::vector<const json*> found = select(root, path);
  if (found.empty()) return "there is nothing at " + path;
  for (const json* value : found) {
    if (!holds(*value, text)) return "at " + path + " stands " + value->dump() + ", wanted " + text;
  }
  return std::nullopt;
}

std::optional<std::string> check_error_form(const std::string& err) {
  static const std::regex error("^error\\[(hardware|memory|runtime|model|quantization|cli)/[a-z0-9-]+\\]: .+");
  const std::vector<std::string> lines = split_lines(err);
  const auto begins = [](const char* mark) { return [mark](const std::string& line) { return line.starts_with(mark); }; };
  if (std::count_if(lines.begin(), lines.end(), begins("error[")) != 1)
    return "standard error wants one line `error[layer/code]: what`";
  const auto at = std::find_if(lines.begin(), lines.end(), begins("error["));
  if (!std::regex_match(*at, error)) return "malformed: " + *at;
  if (at + 1 == lines.end() || !(at + 1)->starts_with("fix: ")) return "after the error wants one line `fix: …`";
  return std::nullopt;
}

std::optional<std::string> check(const Expectation& expectation, const Outcome& outcome) {
  const auto& [line, kind, text] = expectation;
  if (kind == "json") return check_json(outcome.out, text);
  const bool matches = any_matches(split_lines(kind == "err~" ? outcome.err : outcome.out), text);
  if (matches == (kind == "out!")) return (matches ? "a line matches " : "no line matches ") + text;
  return std::nullopt;
}

// One line of a case; false when it is not understood.
bool read_line(const std::string& word, const std::string& rest, int number, Case& one) {
  if (word == "$") return one.script += rest + "\n", true;
  if (word == "exit") return one.exit_code = std::stoi(rest), true;
  if (word == "seconds") return one.seconds = std::stoi(rest), true;
  if (word != "out" && word != "out~" && word != "out!" && word != "err~" && word != "json") return false;
  one.expectations.push_back({number, word, rest});
  return true;
}

}  // namespace

std::vector<std::string> Case::models() const {
  std::vector<std::string> names;
  for (const char* name : {"SMOLLM2", "GEMMA3", "QWEN2"}) {
    if (script.find(std::string("$") + name) != std::string::npos) names.push_back(name);
  }
  return names;
}

std::vector<Case> parse_cases(const std::string& text, std::string& problem) {
  std::vector<Case> cases;
  int number = 0;
  for (const std::string& line : split_lines(text)) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    std::string rest = line;
    const std::string word = take_word(rest);
    if (word == "test") {
      cases.emplace_back();
      cases.back().name = rest;
      cases.back().line = number;
    } else if (cases.empty() || !read_line(word, rest, number, cases.back())) {
      problem += "line " + std::to_string(number) + " is not understood: " + line + "\n";
    }
  }
  for (const Case& one : cases) {
    if (one.script.empty() || one.name.empty())
      problem += "line " + std::to_string(one.line) + ": a case wants a name and a command\n";
  }
  return cases;
}

std::vector<std::string> disagreements(const Case& one, const Outcome& outcome) {
  std::vector<std::string> found;
  if (outcome.exit_code != one.exit_code) {
    found.push_back("exit code " + std::to_string(outcome.exit_code) + ", wanted " + std::to_string(one.exit_code));
  }
  if (one.exit_code != 0) {
    if (const auto fault = check_error_form(outcome.err)) found.push_back(*fault);
  }
  std::string whole;
  bool exact = false;
  for (const Expectation& expectation : one.expectations) {
    if (expectation.kind == "out") {
      whole += expectation.text + "\n";
      exact = true;
    } else if (const auto fault = check(expectation, outcome)) {
      found.push_back("line " + std::to_string(expectation.line) + ": " + *fault);
    }
  }
  if (exact && outcome.out != whole) found.push_back("standard output is not as written");
  return found;
}

}  // namespace lupo::cli_test
