// lupo bench: prefill, decode, depth and batch, beside the measured roof.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "base/units.h"
#include "cli/engine_options.h"
#include "cli/isa_names.h"
#include "cli/model_facts.h"
#include "cli/threads_choice.h"
#include "cli/verb.h"
#include "doctor/resident.h"
#include "doctor/speed.h"
#include "hardware/bandwidth.h"
#include "runtime/backend/cpu/isa.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
  EngineOptions engine;
  std::vector<int64_t> n_prompt{512}, n_decode{128}, depth{0}, batch{1};
  int repetitions = 3;
  bool trace = false, json = false;
};

struct Results {
  std::string model{}, isa{};
  ModelFacts facts{};
  int64_t file_bytes = 0, rss_bytes = 0, kv_bytes = 0, n_ctx = 0;
  int n_threads = 0;
  ThreadChoice threads{};  // no trials unless --threads asks for them
  double load_ms = 0, first_token_ms = 0;
  cpu::PeakKernels peak{};
  std::vector<Roof> roofs{};                         // of 1, 2, 4, … threads; the last of those that ran
  double read_gbps_before = 0, read_gbps_after = 0;  // of these
  std::vector<PrefillSpeed> prefill{};
  std::vector<DecodeSpeed> decode{};

  const Roof& roof() const { return roofs.back(); }
  double roof_fraction(const DecodeSpeed& speed) const { return lupo::roof_fraction(speed.traffic.gbps, roof().read_gbps); }
  double peak_fraction(const PrefillSpeed& speed) const {
    return peak_seconds(speed.cost, roof()) * speed.tps / static_cast<double>(speed.n);
  }
  double peak_fraction(const DecodeSpeed& speed) const {
    return peak_seconds(speed.cost, roof()) * speed.tps / static_cast<double>(speed.batch);
  }
};

// 1e9 multiply-adds a second.
double gmacs(const PrefillSpeed& speed) { return speed.cost.flops / 2e9 * speed.tps / static_cast<double>(speed.n); }
double gmacs(const DecodeSpeed& speed) { return speed.cost.flops / 2e9 * speed.tps / static_cast<double>(speed.batch); }

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

int64_t largest(const std::vector<int64_t>& values) { return *std::max_element(values.begin(), values.end()); }

// An engine for `batch` sequences; the first one also serves the prefill.
Result<std::unique_ptr<Engine>> load_for(const Model& model, const Machine& machine, const Options& options,
                                         RuntimeOptions runtime, int64_t batch, bool with_prefill) {
  int64_t n_ctx = largest(options.depth) + std::max(largest(options.n_decode), with_prefill ? largest(options.n_prompt) : 0);
  if (runtime.n_ctx > 0 && runtime.n_ctx < n_ctx)
    return fail(Layer::cli, "usage", fmt::format("--ctx {} is less than the {} tokens of the deepest test", runtime.n_ctx, n_ctx),
                fmt::format("--ctx {}", n_ctx));
  runtime.n_ctx = std::max(runtime.n_ctx, n_ctx);
  runtime.n_seq = runtime.n_outputs = batch;
  if (!model.hparams().causal) runtime.pooling = model.default_pooling(), runtime.n_batch = n_ctx;
  return Engine::load(model, machine, runtime);
}

// The options with the threads settled; the trial's figures, where there was one, in `results`.
Result<RuntimeOptions> compare_threads(const Options& options, const Machine& machine, Results& results) {
  TRY_ASSIGN(const ThreadsWanted wanted, parse_threads(options.engine.threads));
  if (!wanted.tries()) return runtime_options(options.engine);
  EngineOptions engine = options.engine;
  engine.threads = "0";
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(engine));
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  TRY_ASSIGN(results.threads, try_threads(model, machine, runtime, wanted.measures ? counts_to_try(machine) : wanted.counts));
  runtime.n_threads = results.threads.n_threads;
  return runtime;
}

Result<Results> measure(Options options) {
  TRY_ASSIGN(const Machine machine, this_machine());
  TRY_ASSIGN(const IsaNames isa, isa_names(options.engine.backend));
  Results results{.model = options.engine.model, .isa = isa.in_use};
  TRY_ASSIGN(const RuntimeOptions runtime, compare_threads(options, machine, results));
  results.n_threads = runtime.n_threads > 0 ? runtime.n_threads : machine.usable_threads();
  TRY_ASSIGN(const cpu::Kernels* kernels, cpu::choose_kernels(real_env().variable("LUPO_ISA").value_or("")));
  results.peak = kernels->matmul.peak;
  const auto roof_of = [&](int n) { return measure_roof(*kernels, n, 0.3, bandwidth_buffer_bytes(machine)); };
  for (const int n : roof_threads(results.n_threads)) results.roofs.push_back(roof_of(n));
  results.read_gbps_before = results.roof().read_gbps;
  const SpeedOptions speed{.repetitions = options.repetitions, .trace = options.trace};

  const auto start = Clock::now();
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  if (!model.hparams().causal) options.n_decode = options.depth = {0}, options.batch = {1};  // an encoder: a text is one step
  results.file_bytes = model.file().file_bytes();
  bool first = true;
  for (const int64_t batch : options.batch) {
    TRY_ASSIGN(const std::unique_ptr<Engine> engine, load_for(model, machine, options, runtime, batch, first));
    if (first) results.load_ms = ms_since(start);
    if (first) results.facts = facts_of(engine->graph());
    TRY(warm_up(*engine));
    if (first) results.first_token_ms = ms_since(start);
    for (const int64_t n : first ? options.n_prompt : std::vector<int64_t>{})
      for (const int64_t depth : options.depth) {
        if (n == 0) continue;
        TRY_ASSIGN(PrefillSpeed prefill, measure_prefill(*engine, n, depth, speed));
        results.prefill.push_back(std::move(prefill));
      }
    for (const int64_t n : options.n_decode)
      for (const int64_t depth : options.depth) {
        if (n == 0) continue;
        TRY_ASSIGN(DecodeSpeed decode, measure_decode(*engine, n, depth, batch, speed));
        results.decode.push_back(std::move(decode));
      }
    if (const int64_t rss = resident_bytes(real_env()); rss > results.rss_bytes) {
      results.rss_bytes = rss;
      results.kv_bytes = engine->plan().bytes.kv;
      results.n_ctx = engine->n_ctx();
    }
    first = false;
  }
  const Roof after = roof_of(results.n_threads);
  results.read_gbps_after = after.read_gbps;
  results.roofs.back() = greater(results.roof(), after);
  return results;
}

Json to_json(const std::vector<OpTime>& ops) {
  Json list = Json::array();
  for (const OpTime& op : ops)
    list.push_back(
        {{"op", op.op}, {"type", op.type}, {"nodes", op.nodes}, {"ms", op.ms}, {"gbps", op.gbps}, {"gflops", op.gflops}});
  return list;
}

Json roofs_to_json(const Results& results) {
  Json list = Json::array();
  for (const Roof& roof : results.roofs)
    list.push_back({{"threads", roof.threads},
                    {"read_gbps", roof.read_gbps},
                    {"int8_gmacs", roof.int8_gmacs},
                    {"bf16_gmacs", roof.bf16_gmacs > 0 ? Json(roof.bf16_gmacs) : Json()},
                    {"f32_gmacs", roof.f32_gmacs}});
  return list;
}

Json to_json(const Results& results, const Options& options) {
  Json json = {{"model", valid_utf8(results.model)},
               {"isa", results.isa},
               {"threads", results.n_threads},
               {"kv_type", options.engine.kv_type},
               {"ctx", results.n_ctx},
               {"repetitions", options.repetitions},
               {"read_gbps", results.roof().read_gbps},
               {"read_gbps_before", results.read_gbps_before},
               {"read_gbps_after", results.read_gbps_after},
               {"roofs", roofs_to_json(results)},
               {"int8_by", results.peak.int8.instructions},
               {"bf16_by", results.peak.bf16.run != nullptr ? results.peak.bf16.instructions : results.peak.f32.instructions},
               {"f32_by", results.peak.f32.instructions}};
  for (const ThreadTrial& trial : results.threads.trials)
    json["thread_trials"].push_back({{"threads", trial.n_threads},
                                     {"read_gbps", trial.read_gbps},
                                     {"decode_tps", trial.decode_tps},
                                     {"prefill_tps", trial.prefill_tps}});
  add_facts(results.facts, json);
  json["prefill"] = Json::array();
  for (const PrefillSpeed& speed : results.prefill) {
    Json row = {{"n", speed.n},
                {"depth", speed.depth},
                {"tps", speed.tps},
                {"gmacs", gmacs(speed)},
                {"int8_share", speed.cost.coded_flops / speed.cost.flops},
                {"peak_fraction", results.peak_fraction(speed)}};
    if (options.trace) row["ops"] = to_json(speed.ops);
    json["prefill"].push_back(std::move(row));
  }
  json["decode"] = Json::array();
  for (const DecodeSpeed& speed : results.decode) {
    Json row = {{"n", speed.n},
                {"depth", speed.depth},
                {"batch", speed.batch},
                {"tps", speed.tps},
                {"bytes_per_token", speed.traffic.bytes_per_token},
                {"weight_bytes_per_token", speed.traffic.weight_bytes},
                {"gbps", speed.traffic.gbps},
                {"roof_fraction", results.roof_fraction(speed)},
                {"gmacs", gmacs(speed)},
                {"int8_share", speed.cost.coded_flops / speed.cost.flops},
                {"peak_fraction", results.peak_fraction(speed)}};
    if (options.trace) row["ops"] = to_json(speed.ops);
    json["decode"].push_back(std::move(row));
  }
  json["file_mib"] = static_cast<double>(results.file_bytes) / static_cast<double>(kMiB);
  json["kv_mib"] = static_cast<double>(results.kv_bytes) / static_cast<double>(kMiB);
  json["rss_mib"] = static_cast<double>(results.rss_bytes) / static_cast<double>(kMiB);
  json["load_ms"] = results.load_ms;
  json["first_token_ms"] = results.first_token_ms;
  return json;
}

void print_ops(const std::vector<OpTime>& ops, const char* unit) {
  for (const OpTime& op : ops)
    fmt::print("    {:<13}{:<12}{:>5} nodes {:>10.3f} ms{} {:>8.1f} GB/s {:>9.1f} GFLOP/s\n", op.op, op.type, op.nodes, op.ms,
               unit, op.gbps, op.gflops);
}

void print_roofs(const Results& results) {
  fmt::print("{:<9}{:>7}{:>12}{:>13}{:>13}{:>12}\n", "roof", "threads", "read GB/s", "int8 GMAC/s", "bf16 GMAC/s", "f32 GMAC/s");
  for (const Roof& roof : results.roofs)
    fmt::print("{:<9}{:>7}{:>12.1f}{:>13.1f}{:>13}{:>12.1f}\n", "", roof.threads, roof.read_gbps, roof.int8_gmacs,
               roof.bf16_gmacs > 0 ? fmt::format("{:.1f}", roof.bf16_gmacs) : "as f32", roof.f32_gmacs);
  fmt::print("int8 by {} · bf16 by {} · f32 by {}\n", results.peak.int8.instructions,
             results.peak.bf16.run != nullptr ? results.peak.bf16.instructions : results.peak.f32.instructions,
             results.peak.f32.instructions);
  fmt::print("read {:.1f} GB/s before, {:.1f} after\n\n", results.read_gbps_before, results.read_gbps_after);
}

void print_table(const Results& results) {
  fmt::print("{}\n{} · {} thread{} · {} loaded in {:.0f} ms, first token after {:.0f} ms · resident {}\n",
             printable(results.model), results.isa, results.n_threads, results.n_threads == 1 ? "" : "s",
             format_bytes(results.file_bytes), results.load_ms, results.first_token_ms, format_bytes(results.rss_bytes));
  for (const auto& [label, text] : fact_lines(results.facts)) fmt::print("{}: {}\n", label, text);
  if (!results.threads.trials.empty()) fmt::print("threads {}: {}\n", results.n_threads, results.threads.reason);
  print_roofs(results);
  fmt::print("{:<9}{:>7}{:>8}{:>7}{:>12}{:>14}{:>9}{:>9}{:>9}{:>9}\n", "", "tokens", "depth", "batch", "tok/s", "read a token",
             "GB/s", "of read", "GMAC/s", "of peak");
  for (const PrefillSpeed& speed : results.prefill) {
    fmt::print("{:<9}{:>7}{:>8}{:>7}{:>12.1f}{:>14}{:>9}{:>9}{:>9.1f}{:>7.0f} %\n", "prefill", speed.n, speed.depth, 1, speed.tps,
               "", "", "", gmacs(speed), 100 * results.peak_fraction(speed));
    print_ops(speed.ops, " a batch");
  }
  for (const DecodeSpeed& speed : results.decode) {
    fmt::print("{:<9}{:>7}{:>8}{:>7}{:>12.1f}{:>14}{:>9.1f}{:>7.0f} %{:>9.1f}{:>7.0f} %\n", "decode", speed.n, speed.depth,
               speed.batch, speed.tps, format_bytes(static_cast<int64_t>(speed.traffic.bytes_per_token)), speed.traffic.gbps,
               100 * results.roof_fraction(speed), gmacs(speed), 100 * results.peak_fraction(speed));
    print_ops(speed.ops, " a step");
  }
}

Result<void> run(const Options& options) {
  if (largest(options.n_prompt) == 0 && largest(options.n_decode) == 0)
    return fail(Layer::cli, "usage", "-p 0 and -n 0 leave nothing to measure", "lupo bench MODEL -p 512 -n 128");
  TRY_ASSIGN(const Results results, measure(options));
  if (options.json)
    fmt::print("{}\n", to_json(results, options).dump());
  else
    print_table(results);
  return {};
}

}  // namespace

Verb add_bench(CLI::App& root) {
  CLI::App* app = root.add_subcommand("bench", "speed of prefill and decode, beside what the memory and the cores give");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  const auto tokens = CLI::Range(int64_t{0}, int64_t{1} << 24);
  app->add_option("-p,--n-prompt", options->n_prompt, "prefill of N tokens; a list 128,512 measures each; 0 = none")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(tokens)
      ->capture_default_str();
  app->add_option("-n,--n-decode", options->n_decode, "decode of N tokens; a list; 0 = none")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(tokens)
      ->capture_default_str();
  app->add_option("-d,--depth", options->depth, "tokens in the cache before; a list")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(tokens)
      ->capture_default_str();
  app->add_option("-b,--batch", options->batch, "sequences decoded together; a list")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  app->add_option("-r,--repetitions", options->repetitions, "repetitions, of which the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_flag("--trace", options->trace, "time, GB/s and GFLOP/s of each op");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
