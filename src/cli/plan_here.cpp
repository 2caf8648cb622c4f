#include "cli/plan_here.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "base/units.h"
#include "cli/isa_names.h"
#include "cli/model_facts.h"
#include "doctor/json.h"
#include "quant/checks.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kDecodeDepth = 64, kPrefillTokens = 512;  // of the one figure that `bench -p 512 -n 128` measures too

std::string basis_of(const Calibration& calibration, int64_t n_runs) {
  std::string kernels;
  for (const auto& [type, speed] : calibration.kernels)
    kernels += fmt::format("{}{} {:.1f} GB/s and {:.0f} GFLOP/s", kernels.empty() ? "" : ", ", type_info(type).name,
                           speed.decode_gbps, speed.prefill_gflops);
  return fmt::format(
      "calibrated with {} threads: reads {:.1f} GB/s; kernels on synthetic weights: {}; {:.1f} µs a node; rates move by {:.0f} % "
      "from round to round; {}",
      calibration.n_threads, calibration.read_gbps, kernels, calibration.node_seconds * 1e6, 100 * calibration.noise,
      n_runs > 0 ? fmt::format("narrowed by {} phases of earlier runs", n_runs) : "no earlier runs");
}

// Why there is no speed; nothing: there is one.
std::string why_no_speed(const PlanOptions& options, const RuntimeOptions& runtime) {
  if (!options.machine_file.empty()) return "none: the machine of a file was not measured";
  if (runtime.pooling) return "none: an embedding model generates no tokens";
  if (options.engine.backend != "cpu")
    return fmt::format("none: backend {} is for comparison, not for speed", options.engine.backend);
  return {};
}

Result<void> add_speed(const Machine& machine, const Model& model, const PlanOptions& options, const RuntimeOptions& runtime,
                       Planned& planned) {
  const Graph& graph = planned.preview.graph;
  TRY_ASSIGN(const IsaNames isa, isa_names(options.engine.backend));
  const CalibrationStore store(real_env(), machine, isa.in_use);
  TRY_ASSIGN(const Calibration calibration,
             calibrate(real_env(), store, machine, needs_of(graph, runtime.activations), planned.preview.n_threads));
  const Narrowed narrowed = narrowed_by_history(real_env(), store, calibration, model);
  std::vector<int64_t> depths = curve_of(graph.n_ctx), prompts = depths;
  depths.insert(depths.begin(), std::min(kDecodeDepth, graph.n_ctx - 1));
  prompts.insert(prompts.begin(), std::min(kPrefillTokens, graph.n_ctx));
  planned.prediction = predict(graph, calibration, narrowed.spreads, depths, prompts);
  for (const Use& use : kUses)
    if (options.use.empty() || options.use == use.name)
      planned.uses.push_back(outlook_for(use, graph, calibration, narrowed.spreads));
  planned.basis = basis_of(calibration, narrowed.n_records);
  planned.calibration = calibration;
  return {};
}

std::string command_for(const Planned& planned, const std::string& flags) {
  return fmt::format("lupo run {} {}", printable(planned.command_path), flags);
}

void add_speed(const Planned& planned, Json& json) {
  json["predicted"] = {{"decode_tps", nullptr}, {"prefill_tps", nullptr}};
  if (!planned.calibration) return;
  const Prediction& p = planned.prediction;
  json["predicted"] = {{"decode_tps", p.decode.front().tps.middle},
                       {"prefill_tps", p.prefill.front().tps.middle},
                       {"decode_depth", p.decode.front().n},
                       {"prefill_n", p.prefill.front().n},
                       {"ceiling_tps", planned.calibration->read_gbps * 1e9 / static_cast<double>(planned.facts.bytes_per_token)},
                       {"share_of_runs_in_interval", 0.8},
                       {"decode", json_of(p.decode)},
                       {"prefill", json_of(p.prefill)}};
  json["read_gbps"] = planned.calibration->read_gbps;
  json["uses"] = Json::array();
  for (const UseOutlook& use : planned.uses)
    json["uses"].push_back({{"use", use.use.name},
                            {"prompt_tokens", use.use.n_prompt},
                            {"answer_tokens", use.use.n_answer},
                            {"sequences", use.use.n_seq},
                            {"first_token_s", json_of(use.first_token_s)},
                            {"answer_tps", json_of(use.answer_tps)}});
}

// The speed at n tokens, or nothing.
std::string speed_at(const std::vector<SpeedAt>& speeds, int64_t n) {
  for (const SpeedAt& speed : speeds)
    if (speed.n == n || speed.n == n - 1) return in_words(speed.tps);
  return {};
}

void print_curves(const Planned& planned) {
  fmt::print("\n  {:>9} {:>12}  {:<5} {:>20} {:>22}\n", "context", "memory", "fits", planned.calibration ? "decode, tok/s" : "",
             planned.calibration ? "prefill of it, tok/s" : "");
  for (const ContextPoint& point : planned.memory)
    fmt::print("  {:>9} {:>12}  {:<5} {:>20} {:>22}\n", point.n_ctx, format_bytes(point.bytes.total()), point.fits ? "yes" : "NO",
               speed_at(planned.prediction.decode, point.n_ctx), speed_at(planned.prediction.prefill, point.n_ctx));
  if (!planned.uses.empty()) fmt::print("\n");
  for (const UseOutlook& u : planned.uses)
    fmt::print("  {:<6} {}{} tokens in, {} out: first token after {} s, then {} tok/s\n", u.use.name,
               u.use.n_seq > 1 ? fmt::format("{} × ", u.use.n_seq) : "", u.use.n_prompt, u.use.n_answer,
               in_words(u.first_token_s), in_words(u.answer_tps));
}

}  // namespace

Result<Planned> make_plan(const Machine& machine, const GivenModel& given, const PlanOptions& options) {
  const Model& model = given.model;
  Planned planned;
  planned.path = given.path, planned.command_path = given.command_path, planned.remote = given.remote;
  planned.file_bytes = model.file().file_bytes();
  planned.n_ctx_train = model.hparams().n_ctx_train;
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine));
  runtime.n_seq = runtime.n_outputs = options.batch;
  if (given.is_one_of_several && runtime.n_ctx == 0) runtime.n_ctx = compared_context(model);
  if (!model.hparams().causal) runtime.pooling = model.default_pooling();
  TRY_ASSIGN(planned.preview, preview(model, machine, runtime));
  const Preview& shown = planned.preview;
  planned.facts = facts_of(shown.graph);
  planned.bits_per_weight = bits_per_weight(matrix_bytes_by_type(shown.graph));
  TRY_ASSIGN(planned.memory, memory_over_context(model, machine, runtime, shown.graph.n_ctx));
  if (!shown.fits) {
    planned.fitting = what_fits(model, machine, runtime, shown.graph.n_ctx);
    const MemoryBytes& bytes = shown.plan.bytes;
    if (planned.fitting.empty())
      planned.bits_that_fit = bits_per_weight_that_fit(model.facts().params_total, bytes.state + bytes.scratch,
                                                       shown.available_bytes - kReserveBytes);
  }
  planned.basis = why_no_speed(options, runtime);
  if (planned.basis.empty()) TRY(add_speed(machine, model, options, runtime, planned));
  return planned;
}

Json to_json(const Planned& planned, const PlanOptions& options) {
  const Preview& shown = planned.preview;
  Json json = {{"model", valid_utf8(planned.path)},
               {"fits", shown.fits},
               {"ctx", shown.graph.n_ctx},
               {"ctx_train", planned.n_ctx_train},
               {"batch", options.batch},
               {"kv_type", options.engine.kv_type},
               {"threads", shown.n_threads},
               {"bytes", json_of(shown.plan.bytes)},
               {"bits_per_weight", planned.bits_per_weight},
               {"available_bytes", shown.available_bytes},
               {"reserve_bytes", kReserveBytes}};
  add_facts(planned.facts, json);
  json["memory_over_context"] = json_of(planned.memory);
  add_speed(planned, json);
  json["basis"] = planned.basis;
  json["decisions"] = Json::array();
  for (const std::string& decision : shown.decisions) json["decisions"].push_back(valid_utf8(decision));
  json["would_fit"] = Json::array();
  for (const FitOption& option : planned.fitting)
    json["would_fit"].push_back({{"ctx", option.n_ctx},
                                 {"kv_type", type_info(option.kv_type).name},
                                 {"total", option.total_bytes},
                                 {"command", valid_utf8(command_for(planned, option.flags))}});
  if (planned.remote) json["source"] = to_json(*planned.remote);
  if (planned.bits_that_fit > 0) json["bits_per_weight_that_fit"] = planned.bits_that_fit;
  return json;
}

void print(const Planned& planned) {
  const Preview& shown = planned.preview;
  const MemoryBytes& bytes = shown.plan.bytes;
  fmt::print("{}: {}\n\n", printable(planned.path), shown.fits ? "fits" : "does not fit");
  const auto line = [](std::string_view name, int64_t n) { fmt::print("  {:<10}{:>12}\n", name, format_bytes(n)); };
  line("weights", bytes.weights);
  line("KV cache", bytes.kv);
  if (bytes.state > 0) line("state", bytes.state);
  line("scratch", bytes.scratch);
  line("total", bytes.total());
  fmt::print("  {:<10}{:>12}, of which {} stay in reserve\n\n", "available", format_bytes(shown.available_bytes),
             format_bytes(kReserveBytes));
  for (const auto& [label, text] : fact_lines(planned.facts)) fmt::print("  {:<16}{}\n", label, text);
  fmt::print("\n");
  for (const std::string& decision : shown.decisions) fmt::print("  {}\n", printable(decision));
  print_curves(planned);
  fmt::print("\n");
  if (planned.calibration)
    fmt::print("predicted: decode {} tok/s at a depth of {}, prefill {} tok/s of {} tokens; 8 of 10 runs lie in the brackets\n",
               in_words(planned.prediction.decode.front().tps), planned.prediction.decode.front().n,
               in_words(planned.prediction.prefill.front().tps), planned.prediction.prefill.front().n);
  fmt::print("basis: {}\n", planned.basis);
  if (planned.remote) print(*planned.remote);
  if (shown.fits) return;
  fmt::print("\nwhat would fit:\n");
  for (const FitOption& option : planned.fitting)
    fmt::print("  {:>12}  {}\n", format_bytes(option.total_bytes), command_for(planned, option.flags));
  if (planned.fitting.empty())
    fmt::print("  no context: the weights alone are too large; {:.1f} bits a weight would be the most\n", planned.bits_that_fit);
}

}  // namespace lupo::cli
