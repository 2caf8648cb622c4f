// The tree keeps the house rules; and each rule, shown something bad, says so.
#include "tidy/tidy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace lupo::tidy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> words(const std::vector<Complaint>& complaints) {
  std::vector<std::string> out;
  for (const Complaint& complaint : complaints) out.push_back(to_string(complaint));
  return out;
}

std::vector<std::string> about(const std::string& path, const std::string& text) {
  std::vector<Complaint> complaints;
  const Source source = make_source(path, text);
  check_text(source, complaints);
  check_code(source, complaints);
  std::vector<std::string> rules;
  for (const Complaint& complaint : complaints) rules.push_back(complaint.rule + "@" + std::to_string(complaint.line));
  return rules;
}

std::vector<std::string> layer_complaints(const std::string& rules, const std::string& path, const std::string& text) {
  std::vector<Complaint> complaints;
  const Layers layers = read_layers(rules, complaints);
  check_layers(layers, {make_source(path, text)}, complaints);
  return words(complaints);
}

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

constexpr const char* kLayers = "# comment\nbase:\nquant:\nruntime: quant\nruntime/session: runtime\nserve: runtime/runtime.h\n";

TEST(Tidy, TheTreeKeepsTheRules) {
  std::string report;
  for (const Complaint& complaint : check_tree(LUPO_SOURCE_DIR)) report += to_string(complaint) + "\n";
  EXPECT_TRUE(report.empty()) << report;
}

TEST(TidyLayers, AllowsItselfBaseAndWhatIsListed) {
  EXPECT_THAT(
      layer_complaints(kLayers, "src/runtime/a.cpp", "#include \"base/x.h\"\n#include \"quant/x.h\"\n#include \"runtime/a.h\"\n"),
      IsEmpty());
  EXPECT_THAT(layer_complaints(kLayers, "src/runtime/a.cpp", "#include \"generated.inc\"\n#include <quant/x.h>\n"), IsEmpty());
  EXPECT_THAT(layer_complaints(kLayers, "src/serve/a.cpp", "#include \"runtime/runtime.h\"\n"), IsEmpty());
}

TEST(TidyLayers, NamesTheIncludeThatIsNotAllowed) {
  EXPECT_THAT(
      layer_complaints(kLayers, "src/quant/deep/a.h", "\n#include \"runtime/x.h\"\n"),
      ElementsAre("src/quant/deep/a.h:2: [layers] quant may not include runtime (\"runtime/x.h\"); it may include: base"));
}

TEST(TidyLayers, TheLongestFolderCounts) {
  EXPECT_THAT(layer_complaints(kLayers, "src/runtime/a.cpp", "#include \"runtime/session/s.h\"\n"), testing::SizeIs(1));
  EXPECT_THAT(layer_complaints(kLayers, "src/runtime/session/s.cpp", "#include \"runtime/a.h\"\n"), IsEmpty());
  EXPECT_THAT(layer_complaints(kLayers, "src/runtime/session/s.cpp", "#include \"quant/q.h\"\n"), testing::SizeIs(1));
  EXPECT_THAT(layer_complaints(kLayers, "src/serve/a.cpp", "#include \"runtime/other.h\"\n"), testing::SizeIs(1));
}

TEST(TidyLayers, FindsCyclesUnlistedFoldersAndBrokenLines) {
  EXPECT_THAT(layer_complaints("a: b\nb: c\nc: a\n", "src/a/x.h", "int a;"),
              ElementsAre("src/LAYERS:0: [layers] the folders form a cycle: a -> b -> c -> a"));
  EXPECT_THAT(layer_complaints("a: b\n", "src/a/x.h", ""), ElementsAre("src/LAYERS:0: [layers] a lists b, which has no line"));
  EXPECT_THAT(layer_complaints("a:\na:\nno colon\n", "src/a/x.h", ""), testing::SizeIs(2));
  EXPECT_THAT(layer_complaints("a:\n", "src/z/x.h", "int a;"),
              ElementsAre("src/z/x.h:0: [layers] its folder has no line in src/LAYERS"));
}

TEST(TidyText, TabsColumnsMarksAndTheLastNewline) {
  EXPECT_THAT(about("src/a/x.cpp", "int a;\n"), IsEmpty());
  EXPECT_THAT(about("src/a/x.cpp", "int a;\n\tint b;\n"), ElementsAre("tab@2"));
  EXPECT_THAT(about("src/a/x.cpp", "int a;"), ElementsAre("last-newline@0"));
  EXPECT_THAT(about("docs/x.md",
                    "// TO"
                    "DO later\n"),
              ElementsAre("mark@1"));
  EXPECT_THAT(about("src/a/x.cpp", std::string(131, '/') + "\n"), ElementsAre("columns@1"));
  EXPECT_THAT(about("src/a/x.cpp", "// " + repeat("…", 127) + "\n"), IsEmpty());
}

TEST(TidyCode, LongFilesAndFunctions) {
  EXPECT_THAT(about("src/a/x.cpp", repeat("int a;\n", 800)), IsEmpty());
  EXPECT_THAT(about("src/a/x.cpp", repeat("int a;\n", 801)), ElementsAre("file-length@0"));
  EXPECT_THAT(about("src/a/tables.inc", repeat("1, 2,\n", 5000)), IsEmpty());
  EXPECT_THAT(about("src/a/x.cpp", "int f() {\n" + repeat("g();\n", 68) + "}\n"), IsEmpty());
  EXPECT_THAT(about("src/a/x.cpp", "\nint f() {\n" + repeat("g();\n", 69) + "}\n"), ElementsAre("function-length@2"));
}

TEST(TidyCode, OnlyBaseAndCliEndTheProcess) {
  for (const char* call : {"abort()", "exit(1)", "std::terminate()", "_exit(2)"}) {
    EXPECT_THAT(about("src/a/x.cpp", std::string("void f() { ") + call + "; }\n"), ElementsAre("ends-process@1"));
    EXPECT_THAT(about("src/cli/x.cpp", std::string("void f() { ") + call + "; }\n"), IsEmpty());
  }
  EXPECT_THAT(about("src/a/x.cpp", "void f() { throw 1; }\n"), ElementsAre("throw@1"));
  EXPECT_THAT(about("src/a/x.cpp", "// abort() and throw\nauto s = \"exit(1)\"; auto r = R\"x(abort()\n)x\"; auto c = '\"';\n"),
              IsEmpty());
  EXPECT_THAT(about("src/a/x.cpp", "int n = 1'000'000; void on_exit(int); char q = '\\''; /* exit(\n1) */\n"), IsEmpty());
}

TEST(TidyCode, SystemHeadersAndTheFormOfAHeader) {
  EXPECT_THAT(about("src/a/x.cpp", "#include <vector>\n#include <sys/mman.h>\n"), ElementsAre("system-header@2"));
  EXPECT_THAT(about("src/base/x.cpp", "#include <sys/mman.h>\n#include <unistd.h>\n"), IsEmpty());
  EXPECT_THAT(about("src/a/x.h", "// What it owns.\n#pragma once\n"), IsEmpty());
  EXPECT_THAT(about("src/a/x.h", "#include <vector>\n"), ElementsAre("header-comment@1", "pragma-once@0"));
}

TEST(TidyScan, FindsFunctionsAndNothingElse) {
  const std::string code = R"(
namespace n {
struct alignas(64) S { int a = 1; std::array<int, 2> b{1, 2}; int get() const { return a; } };
enum class E : int { one, two };
const int table[] = { 1, 2 };
template <class T, class U = std::vector<T>>
T twice(T x) {
  auto f = [&](int y) { return y; };
  return f(x);
}
S::S(int a) : a_{a}, b_{a, 2} {
}
static int late(int a) noexcept
{ return a; }
}
)";
  std::vector<std::string> heads;
  std::vector<int> lengths;
  for (const Function& function : find_functions(blank_comments_and_literals(code))) {
    heads.push_back(function.head.substr(0, function.head.find('(') + 1));
    lengths.push_back(function.n_lines);
  }
  EXPECT_THAT(heads,
              ElementsAre("int get(", "template <class T, class U = std::vector<T>> T twice(", "S::S(", "static int late("));
  EXPECT_THAT(lengths, ElementsAre(1, 5, 2, 2));
}

TEST(TidyEntries, EachEntryWantsItsTests) {
  const std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "tidy_entries";
  for (const char* folder :
       {"src/cli/verbs", "src/quant/types", "src/model/arch/families", "tests/cli", "tests/goldens/quant", "tests/goldens/arch"})
    std::filesystem::create_directories(root / folder);
  const auto write = [&](const char* name, const char* text) { std::ofstream(root / name) << text; };
  write("src/cli/verbs/sing.cpp", "");
  write("src/quant/types/q9_9.h", "");
  write("src/model/arch/families/gpt9.cpp", "");
  write("README.md", "");
  std::vector<Complaint> complaints;
  check_entries(root, complaints);
  EXPECT_THAT(words(complaints), testing::SizeIs(5));
  EXPECT_THAT(words(complaints), Contains(testing::HasSubstr("wants tests/cli/sing.test")));
  write("README.md", "| `lupo sing` | sings |");
  write("tests/cli/sing.test", "");
  write("src/quant/types/q9_9.h", "static_assert(sizeof(Block) == 18);");
  for (const char* golden : {"quant/q9_9.golden", "arch/gpt9.gguf", "arch/gpt9.json"}) {
    write((std::string("tests/goldens/") + golden).c_str(), "");
  }
  complaints.clear();
  check_entries(root, complaints);
  EXPECT_THAT(words(complaints), IsEmpty());
  std::filesystem::remove_all(root);
}

// What check_codes says of sources beside a registry of memory/a, memory/b and fast.
std::vector<std::string> codes_of(const std::string& text, const std::string& more = "", const char* path = "src/a/x.cpp") {
  const std::vector<Source> sources = {
      make_source("src/cli/codes/memory.inc",
                  "// {Layer::memory, \"no\",\n{Layer::memory, \"a\", 1},\n{Layer::memory,\n \"b\", 1},\n"),
      make_source("src/cli/codes/no_layer.inc", "{std::nullopt, \"fast\", 1},\n"), make_source(path, text),
      make_source("src/b/y.cpp", more + "\nauto f() { return fail(Layer::memory, \"b\", w, f); } V v{.code = \"fast\"};\n")};
  std::vector<Complaint> complaints;
  check_codes(sources, complaints);
  return words(complaints);
}

TEST(TidyCodes, FindsThemWhereverTheyAreWritten) {
  for (const char* made :
       {"auto f() { return fail(Layer::memory,\n // or \"z\"\n  \"a\", \"what, \\\"z\\\"\", \"fix\"); }\n",
        "Error f() { return Error{Layer::memory, \"a\", {}, {}}; }\n",
        "auto f() { return fail(Layer::memory, x == \"z\" ? \"a\" : \"b\", w, f); }\n",
        "V f() { return {.as = 1, .layer = Layer::memory, .code = \"a\", .what = g(\"z\")}; }\n",
        "void f(E& e) { e.code = \"a\"; }\n", "void f(Layer layer) { fail(layer, \"a\", w, f); }\n",
        "F finding(std::string code, int s) {\n return {Layer::memory, std::move(code), s};\n}\nauto f() { return "
        "finding(\n\"a\", 1); }\n",
        "E R::fault(int n, std::string_view code) const { return fail(Layer::memory, std::string(code), n); }\n"
        "auto f() { return fault(g(1, \"z\"), \"a\"); }\n",
        "void f() { const auto put = [&](double x, const char* code) { v.push_back({Layer::memory, code, 1}); };\n put(1, "
        "\"a\"); }\n",
        "E one(std::string code) { return fail(Layer::memory, code, w); }\nE two(std::string name) { return one(name); }\n"
        "auto f() { return two(\"a\"); }\n"})
    EXPECT_THAT(codes_of(made), IsEmpty()) << made;
  EXPECT_THAT(codes_of("inline E bad(std::string code) { return fail(Layer::memory, code, w); }\n",
                       "auto g() { return bad(\"a\"); }\n", "src/a/x.h"),
              IsEmpty());
}

TEST(TidyCodes, NamesWhatIsMissingAndTheFileToAddItTo) {
  const std::string a = "auto f() { return fail(Layer::memory, \"a\", w, f); }\n";
  EXPECT_THAT(codes_of(a + "auto g() { return fail(Layer::model,\n\"new\", w, f); }\n"),
              ElementsAre("src/a/x.cpp:3: [codes] model/new is not explained: add it to src/cli/codes/model.inc"));
  EXPECT_THAT(codes_of(a + "V v{.code = \"slow\"};\n"),
              ElementsAre("src/a/x.cpp:2: [codes] slow is not explained: add it to src/cli/codes/no_layer.inc"));
  EXPECT_THAT(codes_of("int f();\n"),
              ElementsAre("src/cli/codes/memory.inc:2: [codes] memory/a is explained, but no source makes it"));
  EXPECT_THAT(codes_of(a + "bool g(E e) { return e.code == \"c\"; }\n"),
              ElementsAre("src/a/x.cpp:2: [codes] compared with c, which is no code"));
}

TEST(TidyCodes, SaysWhatItCannotFollowAndLeavesNumbersAlone) {
  const std::string a = "auto f() { return fail(Layer::memory, \"a\", w, f); }\n";
  for (const char* hidden : {"auto g() { const auto code = pick(); return fail(Layer::memory, code, w, f); }\n",
                             "auto g() { return fail(Layer::memory, pick(1), w, f); }\n",
                             "auto g() { return fail(Layer::memory, other.code, w, f); }\n"})
    EXPECT_THAT(codes_of(a + hidden), ElementsAre(testing::HasSubstr("cannot be told"))) << hidden;
  EXPECT_THAT(codes_of(a + "V g() { const double share = 1; return {{Layer::memory, share, t}, {Layer::model, 0, t}, "
                           "{Layer::model, e.x, t}}; }\n"),
              IsEmpty());
}

}  // namespace
}  // namespace lupo::tidy
