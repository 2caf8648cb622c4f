// The rules on single files, and what each entry of the tree (verb, quant type) must come with.
#include "tidy/tidy.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

namespace lupo::tidy {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFileLines = 800;
constexpr size_t kLineColumns = 130;
constexpr int kFunctionLines = 70;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Code points: a dash or an ellipsis in a comment is one column.
size_t columns(std::string_view line) {
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool has_extension(std::string_view path, std::initializer_list<std::string_view> extensions) {
  return std::any_of(extensions.begin(), extensions.end(), [&](std::string_view extension) { return path.ends_with(extension); });
}

bool is_cpp(std::string_view path) { return has_extension(path, {".h", ".cpp"}); }

bool in_folder(std::string_view path, std::initializer_list<std::string_view> folders) {
  return std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) { return path.starts_with(folder); });
}

void match_lines(const Source& source, const std::string& text, const std::regex& pattern, const std::string& rule,
                 const std::string& what, std::vector<Complaint>& complaints) {
  std::istringstream stream(text);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) complaints.push_back({source.path, number, rule, match[1].str() + ": " + what});
  }
}

// Sources of the tree under root/folder, sorted. What a tool wrote or an outside tool made (goldens, corpora) is not ours to
// style.
void collect(const fs::path& root, const std::string& folder, std::vector<Source>& sources) {
  static const std::set<std::string> foreign{"build", "target", "goldens", "corpus", "data"};
  if (!fs::is_directory(root / folder)) return;
  std::vector<fs::path> paths;
  for (auto entry = fs::recursive_directory_iterator(root / folder); entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->is_directory() && foreign.contains(entry->path().filename())) entry.disable_recursion_pending();
    if (entry->is_regular_file()) paths.push_back(entry->path());
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    const std::string name = fs::relative(path, root).generic_string();
    if (has_extension(name, {".h", ".cpp", ".inc", ".rs", ".sh", ".cmake", ".md", ".test", "CMakeLists.txt", "LAYERS"})) {
      sources.push_back(make_source(name, read(path)));
    }
  }
}

void check_header(const Source& source, std::vector<Complaint>& complaints) {
  if (!source.text.starts_with("//"))
    complaints.push_back({source.path, 1, "header-comment", "a header begins with what it owns"});
  if (source.path.ends_with("-inl.h")) return;  // read several times on purpose
  if (source.code.find("#pragma once") == std::string::npos) complaints.push_back({source.path, 0, "pragma-once", "missing"});
}

void require(bool there, const std::string& path, const std::string& what, std::vector<Complaint>& complaints) {
  if (!there) complaints.push_back({path, 0, "entry", what});
}

std::vector<std::string> stems(const fs::path& folder, std::string_view extension) {
  std::vector<std::string> names;
  if (!fs::is_directory(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string to_string(const Complaint& complaint) {
  return complaint.path + ":" + std::to_string(complaint.line) + ": [" + complaint.rule + "] " + complaint.what;
}

Source make_source(std::string path, std::string text) {
  Source source{std::move(path), std::move(text), {}, {}};
  if (is_cpp(source.path)) source.code = blank_comments_and_literals(source.text);
  std::istringstream stream(source.text);
  for (std::string line; std::getline(stream, line);) source.lines.push_back(line);
  return source;
}

void check_text(const Source& source, std::vector<Complaint>& complaints) {
  // Spelled in halves, for this file is read too.
  static const std::regex marks(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X|HA"
      "CK)\\b");
  if (!source.text.empty() && source.text.back() != '\n') complaints.push_back({source.path, 0, "last-newline", "missing"});
  for (size_t i = 0; i < source.lines.size(); ++i) {
    const int number = static_cast<int>(i + 1);
    const std::string& line = source.lines[i];
    if (line.find('\t') != std::string::npos) complaints.push_back({source.path, number, "tab", "use blanks"});
    const size_t width = columns(line);
    if (has_extension(source.path, {".h", ".cpp", ".rs", ".sh", ".cmake"}) && width > kLineColumns) {
      complaints.push_back({source.path, number, "columns", std::to_string(width) + ", at most " + std::to_string(kLineColumns)});
    }
  }
  if (!source.path.ends_with(".test")) {
    match_lines(source, source.text, marks, "mark", "do it now, or write it on the issue", complaints);
  }
}

void check_code(const Source& source, std::vector<Complaint>& complaints) {
  static const std::regex ends("\\b(abort|exit|_exit|_Exit|quick_exit|terminate) *\\(");
  static const std::regex throws("\\b(throw)\\b(?! std::bad_alloc)");  // as operator new does
  static const std::regex system(
      "^ *# *include *<((sys|linux|mach|asm)/[^>]+|(unistd|fcntl|pthread|sched|poll|termios|windows|dlfcn)\\.h)>");
  if (!is_cpp(source.path)) return;
  if (source.lines.size() > kFileLines) {
    complaints.push_back(
        {source.path, 0, "file-length", std::to_string(source.lines.size()) + " lines, at most " + std::to_string(kFileLines)});
  }
  for (const Function& function : find_functions(source.code)) {
    if (function.n_lines <= kFunctionLines) continue;
    complaints.push_back(
        {source.path, function.first_line, "function-length",
         std::to_string(function.n_lines) + " lines, at most " + std::to_string(kFunctionLines) + ": " + function.head});
  }
  if (source.path.ends_with(".h") && in_folder(source.path, {"src/", "tests/"})) check_header(source, complaints);
  if (!source.path.starts_with("src/")) return;
  if (!in_folder(source.path, {"src/base/", "src/cli/"})) {
    match_lines(source, source.code, ends, "ends-process", "return an Error; only base and cli may end the process", complaints);
    match_lines(source, source.code, throws, "throw", "return an Error", complaints);
  }
  if (!in_folder(source.path, {"src/base/", "src/hardware/"})) {
    match_lines(source, source.text, system, "system-header",
                "what is particular to an operating system stays in base and hardware", complaints);
  }
}

void check_entries(const fs::path& root, std::vector<Complaint>& complaints) {
  const std::string readme = read(root / "README.md");
  for (const std::string& verb : stems(root / "src/cli/verbs", ".cpp")) {
    const std::string path = "src/cli/verbs/" + verb + ".cpp";
    require(fs::exists(root / "tests/cli" / (verb + ".test")), path, "wants tests/cli/" + verb + ".test", complaints);
    require(readme.find("`lupo " + verb) != std::string::npos, path, "wants a row `lupo " + verb + " …` in README.md",
            complaints);
  }
  for (const std::string& type : stems(root / "src/quant/types", ".h")) {
    const std::string path = "src/quant/types/" + type + ".h";
    require(read(root / path).find("static_assert(sizeof") != std::string::npos, path,
            "wants static_assert(sizeof(…)) of its block", complaints);
    require(fs::exists(root / "tests/goldens/quant" / (type + ".golden")), path, "wants tests/goldens/quant/" + type + ".golden",
            complaints);
  }
  for (const std::string& arch : stems(root / "src/model/arch/families", ".cpp")) {
    const std::string golden = "tests/goldens/arch/" + arch;
    require(fs::exists(root / (golden + ".gguf")) && fs::exists(root / (golden + ".json")),
            "src/model/arch/families/" + arch + ".cpp", "wants " + golden + ".gguf and .json", complaints);
  }
}

std::vector<Complaint> check_tree(const fs::path& root) {
  std::vector<Complaint> complaints;
  std::vector<Source> sources;
  for (const char* folder : {"src", "tests", "bridge", "cmake", "scripts", "docs"}) collect(root, folder, sources);
  for (const char* name : {"CMakeLists.txt", "README.md", "run.sh", "test.sh"})
    sources.push_back(make_source(name, read(root / name)));
  const Layers layers = read_layers(read(root / "src/LAYERS"), complaints);
  check_layers(layers, sources, complaints);
  for (const Source& source : sources) {
    check_text(source, complaints);
    check_code(source, complaints);
  }
  check_entries(root, complaints);
  check_codes(sources, complaints);
  return complaints;
}

}  // namespace lupo::tidy
