// The house rules as a test: which folder may include which, and the shape every source file keeps. docs/STYLE.md says why.
// Everything here reads the tree and changes nothing.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lupo::tidy {

struct Complaint {
  std::string path;  // relative to the root
  int line;          // from 1; 0 = the file as a whole
  std::string rule;  // short name, as listed in docs/STYLE.md
  std::string what;
};

std::string to_string(const Complaint& complaint);

// A source file of the tree.
struct Source {
  std::string path;                // relative to the root, with '/'
  std::string text;                // as it is
  std::string code;                // same length and lines, comments and literals blanked
  std::vector<std::string> lines;  // of text
};

Source make_source(std::string path, std::string text);

// `text` with comments, string and character literals replaced by blanks; newlines stay. C++ only.
std::string blank_comments_and_literals(std::string_view text);

// `text` with comments alone replaced by blanks.
std::string blank_comments(std::string_view text);

struct Function {
  std::string head;  // what stands before its opening brace, blanks squeezed
  int first_line;    // of the head
  int n_lines;       // to the closing brace, both included
};

// Every function with a body at namespace or class level; lambdas inside count as part of it.
std::vector<Function> find_functions(const std::string& code);

// src/LAYERS: folder → the folders (or single headers) of src/ that it may include, besides itself and base.
struct Layers {
  std::map<std::string, std::set<std::string>> allowed;

  // The longest listed folder that holds `path` (relative to src/), "" when none does.
  std::string folder_of(std::string_view path) const;
  bool may_include(const std::string& from, std::string_view header) const;
};

Layers read_layers(const std::string& text, std::vector<Complaint>& complaints);

// The rules, each appending what it finds.
void check_layers(const Layers& layers, const std::vector<Source>& sources, std::vector<Complaint>& complaints);
void check_text(const Source& source, std::vector<Complaint>& complaints);  // tabs, last newline, left-over marks, columns
void check_code(const Source& source, std::vector<Complaint>& complaints);  // lengths, banned calls, system headers, header form
void check_entries(const std::filesystem::path& root, std::vector<Complaint>& complaints);  // what each verb, type, … must have

// What src/cli/codes explains against the codes that the other sources of src/ make: each way, what is missing is named with the
// file to add it to. A code is a literal that stands
//   - behind a layer: fail(Layer::memory, "does-not-fit", …), {Layer::model, "base-model", …}, both ends of `? "a" : "b"`;
//   - behind `.code =`, with the layer of a `.layer =` in the same braces, or with none;
//   - where a wrapper wants it: a function or lambda that hands a parameter on to such a place. Its calls are looked up in its
//   file,
//     or in all files when it stands in a header, so that nothing has to be registered. What cannot be followed is a complaint.
// A code that a source compares with (`.code == "…"`) must be an explained one.
void check_codes(const std::vector<Source>& sources, std::vector<Complaint>& complaints);

// All rules over the tree at `root`.
std::vector<Complaint> check_tree(const std::filesystem::path& root);

}  // namespace lupo::tidy
