// lupo explain: what an error or a finding means, how lupo tells, what causes it and what to do. docs/errors.md is its
// --markdown.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/codes.h"
#include "cli/verb.h"

namespace lupo::cli {
namespace {

constexpr size_t kColumns = 100;

struct Options {
  std::vector<std::string> names;
  bool json = false, markdown = false;
};

using Entries = std::vector<const CodeEntry*>;

// The word that a text begins with; a command in backticks is one, so that it can be copied.
std::string_view first_word(std::string_view text) {
  bool is_code = false;
  size_t end = 0;
  for (; end < text.size() && (is_code || text[end] != ' '); ++end)
    if (text[end] == '`') is_code = !is_code;
  return text.substr(0, end);
}

// Words in lines of kColumns where they fit, `first` before the first line and as many blanks before the others.
std::string wrapped(std::string_view text, std::string_view first) {
  std::string out(first);
  size_t column = first.size();
  while (!text.empty()) {
    const std::string_view word = first_word(text);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool begins = column == first.size();
    const bool breaks = !begins && column + 1 + word.size() > kColumns;
    if (breaks) out += "\n" + std::string(first.size(), ' '), column = first.size();
    if (!begins && !breaks) out += ' ', ++column;
    out += word;
    column += word.size();
  }
  return out + "\n";
}

std::string_view layer_title(const CodeEntry& entry) { return entry.layer ? layer_name(*entry.layer) : "no layer"; }

void print_list() {
  size_t width = 0;
  for (const CodeEntry& entry : all_codes()) width = std::max(width, entry.code.size());
  std::string_view layer;
  for (const CodeEntry& entry : all_codes()) {
    if (layer_title(entry) != layer) fmt::print("{}{}\n", layer.empty() ? "" : "\n", layer_title(entry));
    layer = layer_title(entry);
    fmt::print("  {:<{}}  {}\n", entry.code, width, first_sentence(entry));
  }
  fmt::print("\nlupo explain CODE says more\n");
}

void print_entry(const CodeEntry& entry) {
  fmt::print("{} ({})\n{}", full_name(entry), fmt::join(kind_names(entry.kinds), ", "), wrapped(entry.means, "  "));
  fmt::print("\nhow lupo tells\n{}", wrapped(entry.test, "  "));
  fmt::print("\nwhat usually causes it\n{}", wrapped(entry.causes, "  "));
  fmt::print("\nwhat to do\n");
  for (size_t i = 0; i < entry.steps.size(); ++i) fmt::print("{}", wrapped(entry.steps[i], fmt::format("  {}. ", i + 1)));
}

// Outside of code `<` would begin a tag, and `*` set what follows in italics.
std::string in_markdown(std::string_view text) {
  std::string out;
  bool is_code = false;
  for (const char c : text) {
    if (c == '`') is_code = !is_code;
    if (!is_code && (c == '<' || c == '*')) out += '\\';
    out += c;
  }
  return out;
}

void print_markdown() {
  fmt::print(
      "<!-- Written by `lupo explain --markdown > docs/errors.md` from src/cli/codes/*.inc; the test fast/explain compares. -->\n"
      "# Errors and findings\n\n"
      "An error stops a command and is printed as `error[layer/code]: …`; a finding is what `lupo doctor` or `lupo inspect` "
      "noticed;\n"
      "a verdict says after a run whether it was as fast as predicted. `lupo explain CODE` shows one of these entries in the "
      "terminal.\n");
  std::string_view layer;
  for (const CodeEntry& entry : all_codes()) {
    if (layer_title(entry) != layer) fmt::print("\n## {}\n", layer_title(entry));
    layer = layer_title(entry);
    fmt::print("\n### {}\n{}: {}\n\n", full_name(entry), fmt::join(kind_names(entry.kinds), ", "), in_markdown(entry.means));
    fmt::print("**How lupo tells.** {}\n\n", in_markdown(entry.test));
    fmt::print("**What usually causes it.** {}\n\n**What to do.**\n", in_markdown(entry.causes));
    for (size_t i = 0; i < entry.steps.size(); ++i) fmt::print("{}. {}\n", i + 1, in_markdown(entry.steps[i]));
  }
}

void print_json(const Entries& entries) {
  using Json = nlohmann::ordered_json;
  Json out = Json::array();
  for (const CodeEntry* entry : entries)
    out.push_back({{"layer", entry->layer ? Json(layer_name(*entry->layer)) : Json()},
                   {"code", entry->code},
                   {"kinds", kind_names(entry->kinds)},
                   {"means", entry->means},
                   {"test", entry->test},
                   {"causes", entry->causes},
                   {"steps", entry->steps}});
  fmt::print("{}\n", out.dump());
}

Result<void> run(const Options& options) {
  Entries entries;
  for (const std::string& name : options.names) {
    TRY_ASSIGN(const Entries found, find_codes(name));
    for (const CodeEntry* entry : found)
      if (std::ranges::find(entries, entry) == entries.end()) entries.push_back(entry);
  }
  if (options.markdown) {
    print_markdown();
  } else if (options.json) {
    if (options.names.empty())
      for (const CodeEntry& entry : all_codes()) entries.push_back(&entry);
    print_json(entries);
  } else if (options.names.empty()) {
    print_list();
  } else {
    for (size_t i = 0; i < entries.size(); ++i) fmt::print("{}", i == 0 ? "" : "\n"), print_entry(*entries[i]);
  }
  return {};
}

}  // namespace

Verb add_explain(CLI::App& root) {
  CLI::App* app = root.add_subcommand("explain", "what an error or a finding means, and what to do about it");
  auto options = std::make_shared<Options>();
  auto* names =
      app->add_option("code", options->names, "codes as they are printed: does-not-fit, memory/does-not-fit; none lists all");
  auto* json = app->add_flag("--json", options->json, "one JSON value");
  app->add_flag("--markdown", options->markdown, "all of them as docs/errors.md holds them")->excludes(json)->excludes(names);
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
