// lupo plan: what a model needs, whether it fits, and how fast it will be, before it is loaded.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/printable.h"
#include "base/units.h"
#include "cli/engine_options.h"
#include "cli/model_facts.h"
#include "cli/verb.h"
#include "doctor/fit.h"
#include "doctor/predict.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

// Where the prediction holds: a short chat. `bench -p 512 -n 128` measures the same.
constexpr int64_t kDecodeDepth = 64, kPrefillTokens = 512;

struct Options {
  EngineOptions engine;
  int64_t batch = 1;
  std::string machine_file;
  bool json = false;
};

struct Planned {
  Machine machine;
  Preview preview;
  std::vector<FitOption> fitting;  // when it does not fit
  double bits_that_fit = 0;        // when the weights alone do not
  std::optional<Calibration> calibration;
  Prediction prediction;
  std::string basis;
};

Result<Machine> machine_for(const Options& options) {
  if (options.machine_file.empty()) return this_machine();
  TRY_ASSIGN(const std::string text, read_input(options.machine_file, "--machine"));
  return machine_from_json(text);
}

std::string basis_of(const Calibration& calibration) {
  std::string kernels;
  for (const auto& [type, speed] : calibration.kernels)
    kernels += fmt::format("{}{} {:.1f} GB/s and {:.0f} GFLOP/s", kernels.empty() ? "" : ", ", type_info(type).name,
                           speed.decode_gbps, speed.prefill_gflops);
  return fmt::format(
      "measured now with {} threads: reads {:.1f} GB/s; kernels on synthetic weights: {}; attention {:.0f} GFLOP/s, {:.1f} ns a "
      "value "
      "of a norm or glu, {:.1f} µs a node; a decoding attention is taken to read the cache at half the read rate",
      calibration.n_threads, calibration.read_gbps, kernels, calibration.attend_gflops, calibration.row_seconds * 1e9,
      calibration.node_seconds * 1e6);
}

Result<Planned> make_plan(const Model& model, const Options& options) {
  Planned planned;
  TRY_ASSIGN(planned.machine, machine_for(options));
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine));
  runtime.n_seq = runtime.n_outputs = options.batch;
  if (!model.hparams().causal) runtime.pooling = model.default_pooling();
  TRY_ASSIGN(planned.preview, preview(model, planned.machine, runtime));
  const Preview& shown = planned.preview;
  if (!shown.fits) {
    planned.fitting = what_fits(model, planned.machine, runtime, shown.graph.n_ctx);
    const MemoryBytes& bytes = shown.plan.bytes;
    if (planned.fitting.empty())
      planned.bits_that_fit = bits_per_weight_that_fit(model.facts().params_total, bytes.state + bytes.scratch,
                                                       shown.available_bytes - kReserveBytes);
  }
  if (!options.machine_file.empty()) {
    planned.basis = "none: the machine of a file was not measured";
    return planned;
  }
  if (runtime.pooling) {
    planned.basis = "none: an embedding model generates no tokens";
    return planned;
  }
  if (options.engine.backend != "cpu") {
    planned.basis = fmt::format("none: backend {} is for comparison, not for speed", options.engine.backend);
    return planned;
  }
  TRY_ASSIGN(Calibration calibration, calibrate(planned.machine, shown.graph, shown.n_threads));
  planned.prediction =
      predict(shown.graph, calibration, std::min(kDecodeDepth, shown.graph.n_ctx), std::min(kPrefillTokens, shown.graph.n_ctx));
  planned.basis = basis_of(calibration);
  planned.calibration = std::move(calibration);
  return planned;
}

std::string command_for(const Options& options, const std::string& flags) {
  return fmt::format("lupo run {} {}", printable(options.engine.model), flags);
}

Json to_json(const Planned& planned, const Model& model, const Options& options) {
  const Preview& shown = planned.preview;
  const MemoryBytes& bytes = shown.plan.bytes;
  Json json = {{"model", valid_utf8(options.engine.model)},
               {"fits", shown.fits},
               {"ctx", shown.graph.n_ctx},
               {"ctx_train", model.hparams().n_ctx_train},
               {"batch", options.batch},
               {"kv_type", options.engine.kv_type},
               {"threads", shown.n_threads},
               {"bytes",
                {{"weights", bytes.weights},
                 {"kv", bytes.kv},
                 {"state", bytes.state},
                 {"scratch", bytes.scratch},
                 {"total", bytes.total()}}},
               {"available_bytes", shown.available_bytes},
               {"reserve_bytes", kReserveBytes}};
  add_facts(facts_of(shown.graph), json);
  json["predicted"] = {{"decode_tps", nullptr}, {"prefill_tps", nullptr}};
  if (planned.calibration) {
    json["predicted"] = {
        {"decode_tps", planned.prediction.decode_tps},
        {"prefill_tps", planned.prediction.prefill_tps},
        {"decode_depth", planned.prediction.decode_depth},
        {"prefill_n", planned.prediction.prefill_n},
        {"ceiling_tps", planned.calibration->read_gbps * 1e9 / static_cast<double>(model.facts().bytes_per_token)}};
    json["read_gbps"] = planned.calibration->read_gbps;
  }
  json["basis"] = planned.basis;
  json["decisions"] = Json::array();
  for (const std::string& decision : shown.decisions) json["decisions"].push_back(valid_utf8(decision));
  json["would_fit"] = Json::array();
  for (const FitOption& option : planned.fitting)
    json["would_fit"].push_back({{"ctx", option.n_ctx},
                                 {"kv_type", type_info(option.kv_type).name},
                                 {"total", option.total_bytes},
                                 {"command", valid_utf8(command_for(options, option.flags))}});
  if (planned.bits_that_fit > 0) json["bits_per_weight_that_fit"] = planned.bits_that_fit;
  return json;
}

void print_plan(const Planned& planned, const Options& options) {
  const Preview& shown = planned.preview;
  const MemoryBytes& bytes = shown.plan.bytes;
  fmt::print("{}: {}\n\n", printable(options.engine.model), shown.fits ? "fits" : "does not fit");
  const auto line = [](std::string_view name, int64_t n) { fmt::print("  {:<10}{:>12}\n", name, format_bytes(n)); };
  line("weights", bytes.weights);
  line("KV cache", bytes.kv);
  if (bytes.state > 0) line("state", bytes.state);
  line("scratch", bytes.scratch);
  line("total", bytes.total());
  fmt::print("  {:<10}{:>12}, of which {} stay in reserve\n\n", "available", format_bytes(shown.available_bytes),
             format_bytes(kReserveBytes));
  for (const auto& [label, text] : fact_lines(facts_of(shown.graph))) fmt::print("  {:<16}{}\n", label, text);
  fmt::print("\n");
  for (const std::string& decision : shown.decisions) fmt::print("  {}\n", printable(decision));
  if (planned.calibration)
    fmt::print("\npredicted: decode {:.1f} tok/s at a depth of {}, prefill {:.0f} tok/s of {} tokens\n",
               planned.prediction.decode_tps, planned.prediction.decode_depth, planned.prediction.prefill_tps,
               planned.prediction.prefill_n);
  fmt::print("basis: {}\n", planned.basis);
  if (shown.fits) return;
  fmt::print("\nwhat would fit:\n");
  for (const FitOption& option : planned.fitting)
    fmt::print("  {:>12}  {}\n", format_bytes(option.total_bytes), command_for(options, option.flags));
  if (planned.fitting.empty())
    fmt::print("  no context: the weights alone are too large; {:.1f} bits a weight would be the most\n", planned.bits_that_fit);
}

Result<void> run(const Options& options) {
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  TRY_ASSIGN(const Planned planned, make_plan(model, options));
  if (options.json)
    fmt::print("{}\n", to_json(planned, model, options).dump());
  else
    print_plan(planned, options);
  return {};
}

}  // namespace

Verb add_plan(CLI::App& root) {
  CLI::App* app = root.add_subcommand("plan", "what a model needs, whether it fits, and how fast it will be");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  app->add_option("-b,--batch", options->batch, "sequences at once, each with its own context")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  app->add_option("--machine", options->machine_file,
                  "plan for the machine of this JSON file instead (\"machine\" of lupo doctor --json)");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
