// docs/architectures.md is made from the registry and the goldens: this test compares the two, and writes the file anew when
// LUPO_WRITE_DOCS is set.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "graph/ops/op.h"
#include "model/model.h"

namespace lupo {
namespace {

const std::filesystem::path kTests = LUPO_TESTS_DIR;
const std::filesystem::path kDoc = kTests.parent_path() / "docs/architectures.md";

std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What the graphs of an architecture's goldens use.
struct Row {
  std::set<std::string> goldens, kv;
  std::set<std::string_view> ops;
};

void add_graph(const Graph& graph, Row& row) {
  for (const Node& node : graph.nodes) {
    row.ops.insert(op_name(node.op()));
    const auto* at = std::get_if<AttendAttrs>(&node.attrs);
    if (at == nullptr) continue;
    if (node.in[3] == kNone)
      row.kv.insert("none");
    else if (node.in[1] == kNone && node.in[2] == kNone)
      row.kv.insert("shared");
    else if (node.in[4] == kNone)
      row.kv.insert("latent");
    else
      row.kv.insert(at->window > 0 ? "window" : "full");
  }
  for (const Tensor& tensor : graph.tensors)
    if (tensor.policy == StatePolicy::fixed) row.kv.insert("state");
}

std::map<std::string, Row> rows_of_goldens() {
  std::map<std::string, Row> rows;
  for (const auto& entry : std::filesystem::directory_iterator(kTests / "goldens/arch")) {
    if (entry.path().extension() != ".gguf") continue;
    const auto model = Model::open(entry.path());
    EXPECT_TRUE(model) << entry.path() << ": " << model.error().what;
    if (!model) continue;
    GraphRequest request{.n_ctx = 64, .n_batch = 8, .n_outputs = 1};
    if (!model->hparams().causal) request.pooling = model->default_pooling();
    const auto graph = model->graph(request);
    EXPECT_TRUE(graph) << entry.path() << ": " << graph.error().what;
    if (!graph) continue;
    Row& row = rows[std::string(model->arch().name)];
    row.goldens.insert(entry.path().stem());
    add_graph(*graph, row);
  }
  return rows;
}

// "// name: What it covers. …" of the first lines of an architecture's file.
std::string models_of(const std::string& source) {
  std::istringstream lines(source);
  std::string text, line;
  while (std::getline(lines, line) && line.starts_with("//")) text += line.substr(std::min<size_t>(3, line.size())) + " ";
  const size_t begin = text.find(": "), end = text.find(". ", begin);
  return begin == std::string::npos || end == std::string::npos ? "" : text.substr(begin + 2, end - begin - 2);
}

std::string make_doc() {
  const std::map<std::string, Row> rows = rows_of_goldens();
  std::string table;
  std::vector<int64_t> lines;
  for (const Arch* arch : all_archs()) {
    std::string file(arch->name);
    std::replace_if(
        file.begin(), file.end(), [](char c) { return c == '-' || c == '.'; }, '_');
    const std::string source = read_file(kTests.parent_path() / "src/model/arch/families" / (file + ".cpp"));
    EXPECT_FALSE(source.empty()) << file;
    EXPECT_FALSE(models_of(source).empty()) << file << ".cpp begins with '// name: models. what differs. source'";
    lines.push_back(std::count(source.begin(), source.end(), '\n'));
    const auto row = rows.find(std::string(arch->name));
    if (row == rows.end()) continue;        // every_architecture_has_one fails
    std::vector<std::string_view> special;  // what is not in every decoder
    static const std::set<std::string_view> kUsual = {"embed", "norm", "linear", "rope", "attend", "glu", "add", "select"};
    std::copy_if(row->second.ops.begin(), row->second.ops.end(), std::back_inserter(special),
                 [](std::string_view op) { return !kUsual.contains(op); });
    table += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", arch->name, models_of(source), fmt::join(special, " "),
                         fmt::join(row->second.kv, ", "), fmt::join(row->second.goldens, ", "), lines.back());
  }
  std::sort(lines.begin(), lines.end());
  EXPECT_LE(lines[lines.size() / 2], 120) << "the median file";
  return fmt::format(
      R"(# Architectures

Made from the registry, the graphs and the goldens by `tests/model/architectures_doc_test.cpp`; `LUPO_WRITE_DOCS=1` before that
test writes it anew. {} architectures; the median file has {} lines.

- **ops**: those beside embed, norm, linear, rope, attend, glu, add and select, which most decoders have.
- **cache**: full (a cell for each token), window (a ring), latent (keys and values in one low-rank row), shared (some layers read
  another's), state (of fixed size), none (an encoder).
- **golden**: files of `tests/goldens/arch`, tiny models of random weights with the logits or embeddings of llama.cpp v0.5.0.

| architecture | models | ops | cache | golden | lines |
|---|---|---|---|---|---|
{})",
      lines.size(), lines[lines.size() / 2], table);
}

TEST(ArchitecturesDoc, is_what_the_registry_says) {
  const std::string doc = make_doc();
  if (std::getenv("LUPO_WRITE_DOCS") != nullptr) std::ofstream(kDoc) << doc;
  EXPECT_EQ(read_file(kDoc), doc) << "LUPO_WRITE_DOCS=1 build/release/bin/test_model --gtest_filter='ArchitecturesDoc*'";
}

}  // namespace
}  // namespace lupo
