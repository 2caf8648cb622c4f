// lupo rerank: how well documents answer a query, by a reranker.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/printable.h"
#include "cli/engine_options.h"
#include "cli/texts.h"
#include "cli/verb.h"
#include "model/text/rerank_prompt.h"
#include "runtime/session/embedder.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  EngineOptions engine;
  std::string query, file;
  std::vector<std::string> documents;
  bool json = false;
};

Result<void> run(const Options& options) {
  std::vector<std::string> documents = options.documents;
  if (!options.file.empty()) {
    TRY_ASSIGN(const std::vector<std::string> lines, read_lines(options.file, "-f"));
    documents.insert(documents.end(), lines.begin(), lines.end());
  }
  if (documents.empty())
    return fail(Layer::cli, "usage", "no document was given", "lupo rerank MODEL --query TEXT DOCUMENT…, or -f FILE");
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  TRY_ASSIGN(const Machine machine, this_machine());
  TRY_ASSIGN(const Tokenizer* tokenizer, model.tokenizer());
  std::vector<std::vector<TokenId>> pairs;
  for (const std::string& document : documents) {
    TRY_ASSIGN(std::vector<TokenId> ids, rerank_ids(model.metadata(), *tokenizer, options.query, document));
    pairs.push_back(std::move(ids));
  }
  TRY(check_not_empty(pairs));
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine, model, machine));
  TRY_ASSIGN(runtime, embedding_options(model, runtime, Pooling::rank, pairs));
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, Engine::load(model, machine, runtime));

  std::vector<float> scores(pairs.size());  // of each document: the first value of the head
  TRY(embed(*engine, Pooling::rank, pairs, [&](size_t text, int64_t, std::span<const float> row) -> Result<void> {
    scores[text] = row.front();
    return {};
  }));
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return scores[i]; });
  Json results = Json::array();
  for (size_t i : order) {
    if (options.json)
      results.push_back(
          {{"index", i}, {"score", scores[i]}, {"n_tokens", pairs[i].size()}, {"document", valid_utf8(documents[i])}});
    else
      fmt::print("{:>10.4f}  {:>4}  {}\n", scores[i], i, printable(documents[i], 400));
  }
  if (options.json)
    fmt::print("{}\n", Json{{"model", valid_utf8(options.engine.model)},
                            {"backend", engine->backend_name()},
                            {"query", valid_utf8(options.query)},
                            {"results", results}}
                           .dump());
  return {};
}

}  // namespace

Verb add_rerank(CLI::App& root) {
  CLI::App* app = root.add_subcommand("rerank", "documents by how well they answer a query");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  app->add_option("--query", options->query, "what is looked for")->required();
  app->add_option("documents", options->documents, "documents (after -- when one begins with a dash)");
  app->add_option("-f,--file", options->file, "file with one document a line; - is standard input");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
