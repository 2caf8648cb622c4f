// lupo embed: vectors of texts, from embedding models and from any other.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/printable.h"
#include "cli/engine_options.h"
#include "cli/has_tokenizer.h"
#include "cli/ids.h"
#include "cli/npy.h"
#include "cli/print.h"
#include "cli/texts.h"
#include "cli/verb.h"
#include "runtime/session/embedder.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  EngineOptions engine;
  std::string ids, prompt, file, pooling, out;
  bool has_prompt = false, normalize = false, json = false;
};

Result<std::vector<std::vector<TokenId>>> read_texts(const Options& options, const Model& model) {
  if (!options.ids.empty()) {
    TRY_ASSIGN(std::vector<TokenId> ids, parse_ids(options.ids, model.hparams().n_vocab));
    return std::vector<std::vector<TokenId>>{std::move(ids)};
  }
  if (!has_tokenizer(model.metadata()))
    return fail(Layer::model, "no-tokenizer", "the file holds no tokenizer, so that texts cannot be read", "--ids 1,2,3");
  TRY_ASSIGN(const Tokenizer* tokenizer, model.tokenizer());
  std::vector<std::string> lines{options.prompt};
  if (!options.has_prompt) {
    TRY_ASSIGN(lines, read_lines(options.file, "-f"));
  }
  std::vector<std::vector<TokenId>> texts;
  for (const std::string& line : lines) texts.push_back(tokenizer->encode(line));
  TRY(check_not_empty(texts));
  return texts;
}

// The pooling asked for, the file's, or the one that suits the model; and why.
Pooling choose_pooling(const Options& options, const Model& model) {
  Pooling pooling = model.default_pooling();
  std::string why = fmt::format("{}.pooling_type of the file", model.arch().name);
  if (!options.pooling.empty()) {
    pooling = *find_pooling(options.pooling);
    why = "as asked for";
  } else if (model.hparams().pooling && *model.hparams().pooling != pooling) {
    why = fmt::format("{}.pooling_type is {}, but the file has no classification head", model.arch().name,
                      pooling_name(*model.hparams().pooling));
  } else if (!model.hparams().pooling) {
    why = model.hparams().causal ? "the file says nothing, and the last token has seen the whole text" : "the file says nothing";
  }
  print_note(fmt::format("pooling {}: {}", pooling_name(pooling), why));
  return pooling;
}

std::vector<float> normalized(std::span<const float> row) {
  double squares = 0;
  for (float x : row) squares += static_cast<double>(x) * static_cast<double>(x);
  std::vector<float> unit(row.begin(), row.end());
  if (squares > 0)
    for (float& x : unit) x = static_cast<float>(static_cast<double>(x) / std::sqrt(squares));
  return unit;
}

int64_t count_rows(std::span<const std::vector<TokenId>> texts, Pooling pooling) {
  int64_t n_tokens = 0;
  for (const std::vector<TokenId>& text : texts) n_tokens += static_cast<int64_t>(text.size());
  return pooling == Pooling::none ? n_tokens : static_cast<int64_t>(texts.size());
}

Result<void> run(const Options& options) {
  const int sources = int{!options.ids.empty()} + int{options.has_prompt} + int{!options.file.empty()};
  if (sources != 1)
    return fail(Layer::cli, "usage", fmt::format("one of -p, -f and --ids is wanted, {} were given", sources),
                "lupo embed MODEL -p TEXT");
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  TRY_ASSIGN(const Machine machine, this_machine());
  TRY_ASSIGN(const auto texts, read_texts(options, model));
  const Pooling pooling = choose_pooling(options, model);
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine, model, machine));
  TRY_ASSIGN(runtime, embedding_options(model, runtime, pooling, texts));
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, Engine::load(model, machine, runtime));
  const int64_t width = engine->graph()[engine->graph().result].shape.dim[0];

  std::optional<NpyWriter> npy;
  if (!options.out.empty()) {
    TRY_ASSIGN(NpyWriter writer, NpyWriter::create(options.out, count_rows(texts, pooling), width));
    npy.emplace(std::move(writer));
  }
  Json rows = Json::array();
  TRY(embed(*engine, pooling, texts, [&](size_t text, int64_t position, std::span<const float> row) -> Result<void> {
    const std::vector<float> values = options.normalize ? normalized(row) : std::vector<float>(row.begin(), row.end());
    if (npy) return npy->write(values);
    if (!options.json) return fmt::print("{:.7g}\n", fmt::join(values, " ")), Result<void>();
    Json item = {{"text", text}, {"n_tokens", texts[text].size()}};
    if (pooling == Pooling::none) item["pos"] = position;
    item["embedding"] = values;
    rows.push_back(std::move(item));
    return {};
  }));
  if (npy) TRY(npy->finish());
  if (options.json)
    fmt::print("{}\n", Json{{"model", valid_utf8(options.engine.model)},
                            {"backend", engine->backend_name()},
                            {"pooling", pooling_name(pooling)},
                            {"normalized", options.normalize},
                            {"n_embd", width},
                            {"n_texts", texts.size()},
                            {"out", valid_utf8(options.out)},
                            {"embeddings", rows}}
                           .dump());
  return {};
}

}  // namespace

Verb add_embed(CLI::App& root) {
  CLI::App* app = root.add_subcommand("embed", "vectors of texts");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  const CLI::Option* prompt = app->add_option("-p,--prompt", options->prompt, "one text");
  app->add_option("-f,--file", options->file, "file with one text a line; - is standard input");
  app->add_option("--ids", options->ids, "one text as token ids, taken literally: 1,2,3");
  app->add_option("--pooling", options->pooling, "how the rows of a text become one; the file's own when not said")
      ->check(CLI::IsMember({"none", "mean", "cls", "last", "rank"}));
  app->add_flag("--normalize", options->normalize, "make every row a vector of length 1");
  app->add_option("-o,--out", options->out,
                  "write float32 [n_texts, n_embd] ([n_tokens, n_embd] without pooling) to this .npy file");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options, prompt] {
            options->has_prompt = prompt->count() > 0;
            return run(*options);
          }};
}

}  // namespace lupo::cli
