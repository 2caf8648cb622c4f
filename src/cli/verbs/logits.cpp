// lupo logits: raw logits at every position, as .npy or as the top candidates.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/printable.h"
#include "cli/engine_options.h"
#include "cli/has_tokenizer.h"
#include "cli/ids.h"
#include "cli/npy.h"
#include "cli/verb.h"

namespace lupo::cli {
namespace {

constexpr int64_t kRowsPerStep = 32;  // rows of logits held at once: 32 × 262,144 × 4 bytes = 32 MiB for the largest vocabularies

struct Options {
  EngineOptions engine;
  std::string ids, prompt, out;
  int top = 0;
  bool json = false;
};

nlohmann::ordered_json top_of(std::span<const float> row, int top, const Tokenizer* tokenizer) {
  std::vector<TokenId> order(row.size());  // [V]
  std::iota(order.begin(), order.end(), 0);
  const auto n = std::min(order.size(), static_cast<size_t>(top));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), [&](TokenId a, TokenId b) {
    return row[static_cast<size_t>(a)] != row[static_cast<size_t>(b)] ? row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)]
                                                                      : a < b;
  });
  auto list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < n; ++i) {
    nlohmann::ordered_json item = {{"id", order[i]}, {"logit", row[static_cast<size_t>(order[i])]}};
    if (tokenizer != nullptr) item["piece"] = valid_utf8(tokenizer->piece(order[i], true));
    list.push_back(std::move(item));
  }
  return list;
}

void print_row(int64_t position, const nlohmann::ordered_json& top) {
  std::string line = fmt::format("{:>6} ", position);
  for (const auto& item : top) {
    const std::string name =
        item.contains("piece") ? fmt::format("'{}'", printable(item["piece"].get<std::string>())) : item["id"].dump();
    line += fmt::format(" {} {:.4f} ", name, item["logit"].get<float>());
  }
  fmt::print("{}\n", line);
}

// Runs all ids from an empty cache and hands each position's row over.
Result<void> each_row(Engine& engine, std::span<const TokenId> ids,
                      const std::function<Result<void>(int64_t, std::span<const float>)>& visit) {
  std::vector<int32_t> outputs;  // [O]
  for (size_t at = 0; at < ids.size();) {
    const size_t count = std::min(static_cast<size_t>(engine.n_batch()), ids.size() - at);
    outputs.resize(count);
    std::iota(outputs.begin(), outputs.end(), 0);
    const StepSequence sequence{0, static_cast<int32_t>(count), static_cast<int64_t>(at)};
    TRY(engine.run({ids.subspan(at, count), {&sequence, 1}, outputs}));
    for (size_t i = 0; i < count; ++i) TRY(visit(static_cast<int64_t>(at + i), engine.logits(static_cast<int64_t>(i))));
    at += count;
  }
  return {};
}

Result<void> run(const Options& options) {
  if (options.ids.empty() == options.prompt.empty())
    return fail(Layer::cli, "usage", "one of --ids and -p is wanted", "lupo logits MODEL -p TEXT --top 5");
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  TRY_ASSIGN(const Machine machine, this_machine());
  const Tokenizer* tokenizer = nullptr;
  if (has_tokenizer(model.metadata())) {
    TRY_ASSIGN(tokenizer, model.tokenizer());
  }
  std::vector<TokenId> ids;
  if (!options.ids.empty()) {
    TRY_ASSIGN(ids, parse_ids(options.ids, model.hparams().n_vocab));
  } else {
    if (tokenizer == nullptr)
      return fail(Layer::model, "no-tokenizer", "the file holds no tokenizer, so that -p cannot be read", "--ids 1,2,3");
    ids = tokenizer->encode(options.prompt);
    if (ids.empty()) return fail(Layer::runtime, "empty-prompt", "the prompt has no tokens", "give some text with -p");
  }
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine, model, machine));
  const int64_t n_tokens = static_cast<int64_t>(ids.size());
  if (runtime.n_ctx == 0) runtime.n_ctx = n_tokens;
  if (n_tokens > runtime.n_ctx)
    return fail(Layer::runtime, "prompt-too-long",
                fmt::format("the prompt has {} tokens, the context holds {}", n_tokens, runtime.n_ctx),
                fmt::format("--ctx {}", n_tokens));
  runtime.n_batch = runtime.n_outputs = kRowsPerStep;
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, Engine::load(model, machine, runtime));

  std::optional<NpyWriter> npy;
  if (!options.out.empty()) {
    TRY_ASSIGN(NpyWriter writer, NpyWriter::create(options.out, n_tokens, model.hparams().n_vocab));
    npy.emplace(std::move(writer));
  }
  const int top = options.top > 0 ? options.top : (npy ? 0 : 5);
  auto positions = nlohmann::ordered_json::array();
  TRY(each_row(*engine, ids, [&](int64_t position, std::span<const float> row) -> Result<void> {
    if (npy) TRY(npy->write(row));
    if (top == 0) return {};
    const auto best = top_of(row, top, tokenizer);
    if (options.json)
      positions.push_back({{"pos", position}, {"id", ids[static_cast<size_t>(position)]}, {"top", best}});
    else
      print_row(position, best);
    return {};
  }));
  if (npy) TRY(npy->finish());
  if (options.json)
    fmt::print("{}\n", nlohmann::ordered_json{{"model", valid_utf8(options.engine.model)},
                                              {"backend", engine->backend_name()},
                                              {"ids", ids},
                                              {"n_vocab", model.hparams().n_vocab},
                                              {"out", valid_utf8(options.out)},
                                              {"positions", positions}}
                           .dump());
  return {};
}

}  // namespace

Verb add_logits(CLI::App& root) {
  CLI::App* app = root.add_subcommand("logits", "raw logits at every position of a prompt");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  app->add_option("--ids", options->ids, "token ids, taken literally: 1,2,3");
  app->add_option("-p,--prompt", options->prompt, "text; BOS and special tokens as for tokenize");
  app->add_option("-o,--out", options->out, "write float32 [n_tokens, n_vocab] to this .npy file");
  app->add_option("--top", options->top, "print the K best of each position (5 without --out)")->check(CLI::Range(1, 1000));
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
