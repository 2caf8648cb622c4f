#include "doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>

#include "base/printable.h"
#include "base/units.h"
#include "doctor/fit.h"
#include "doctor/what_if.h"
#include "hardware/bandwidth.h"
#include "hardware/checks.h"
#include "memory/checks.h"
#include "model/checks.h"
#include "quant/checks.h"
#include "runtime/checks.h"

namespace lupo {
namespace {

// A short run: long enough for a steady decode on a small model, cut by time on a large one.
constexpr int64_t kPrefillTokens = 128, kDecodeTokens = 32;
constexpr double kRunSecondsMax = 2;
#if defined(NDEBUG)
constexpr bool kIsDebugBuild = false;
#else
constexpr bool kIsDebugBuild = true;
#endif

// "linear Q4_1 61 %, attend 20 %": where a decoded token's time goes.
std::string where_time_goes(const std::vector<OpTime>& ops) {
  double total = 0;
  for (const OpTime& op : ops) total += op.ms;
  std::string text;
  for (size_t i = 0; i < ops.size() && i < 4 && total > 0; ++i)
    text += fmt::format("{}{}{}{} {:.0f} %", i == 0 ? "" : ", ", ops[i].op, ops[i].type.empty() ? "" : " ", ops[i].type,
                        100 * ops[i].ms / total);
  return text;
}

void append(std::vector<Finding>& findings, std::vector<Finding> more) {
  std::move(more.begin(), more.end(), std::back_inserter(findings));
}

double kv_bits(const RuntimeOptions& options) {
  const auto bits = [](Type type) { return 8.0 * type_info(type).block_bytes / type_info(type).block_elements; };
  return (bits(options.k_type) + bits(options.v_type)) / 2;
}

// Runs the model for a moment and fills the measured part of the exam.
Result<void> run_for_a_moment(const Model& model, const Machine& machine, const RuntimeOptions& options, ModelExam& exam) {
  RuntimeOptions brief = options;
  brief.n_ctx =
      std::min<int64_t>(exam.n_ctx, kPrefillTokens + kDecodeTokens);  // the cache of a short run, not of the full context
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, Engine::load(model, machine, brief));
  TRY_ASSIGN(const double first_token, warm_up(*engine));
  // A token that takes long already says how slow this is: then a few tokens must do.
  const int64_t n_prefill = std::min<int64_t>(first_token > 0.25 ? 16 : kPrefillTokens, engine->n_ctx());
  const SpeedOptions speed{.repetitions = 3, .seconds_max = kRunSecondsMax, .trace = true};
  TRY_ASSIGN(const PrefillSpeed prefill,
             measure_prefill(*engine, n_prefill, 0, {.repetitions = 3, .seconds_max = kRunSecondsMax}));
  TRY_ASSIGN(const DecodeSpeed decode, measure_decode(*engine, std::min(kDecodeTokens, engine->n_ctx()), 0, 1, speed));
  exam.prefill_tps = prefill.tps;
  exam.decode_tps = decode.tps;
  exam.decode_gbps = decode.traffic.gbps;
  exam.decode_ops = decode.ops;
  return {};
}

// Of fixes, by planning and predicting again with each applied.
struct Gains {
  double q8_cache = 0, f16_cache = 0;  // at the end of the context
  double usable_threads = 0, eight_bits = 0;
};
Gains gains_of(const Env& env, const Model& model, const Machine& machine, const DoctorRequest& request, const ModelExam& exam) {
  WhatIf what_if(env, model, machine, request.isa);
  RuntimeOptions now = request.runtime;
  now.n_ctx = exam.n_ctx;
  const auto gain = [&](int64_t depth, auto change) {
    RuntimeOptions then = now;
    change(then);
    return what_if.gain(now, then, depth);
  };
  const auto cache = [](Type type) { return [type](RuntimeOptions& o) { o.k_type = o.v_type = type; }; };
  const int64_t full = exam.n_ctx - 1, brief = std::min<int64_t>(kPrefillTokens, full);
  Gains gains;
  if (exam.bytes.kv > 0 && row_bytes(now.k_type, 32) > row_bytes(Type::q8_0, 32)) gains.q8_cache = gain(full, cache(Type::q8_0));
  if (now.k_type == Type::f32 || now.v_type == Type::f32) gains.f16_cache = gain(full, cache(Type::f16));
  if (exam.n_threads != machine.usable_threads())
    gains.usable_threads = gain(brief, [&](RuntimeOptions& o) { o.n_threads = machine.usable_threads(); });
  if (now.activations == ActivationBits::chosen)
    gains.eight_bits = gain(brief, [](RuntimeOptions& o) { o.activations = ActivationBits::eight; });
  return gains;
}

Result<ModelExam> examine(const Env& env, const Model& model, Machine& machine, const DoctorRequest& request,
                          std::vector<Finding>& findings) {
  TRY_ASSIGN(const Preview shown, preview(model, machine, request.runtime));
  ModelExam exam{.path = request.model,
                 .n_ctx = shown.graph.n_ctx,
                 .n_ctx_train = model.hparams().n_ctx_train,
                 .n_threads = shown.n_threads,
                 .bytes = shown.plan.bytes,
                 .fits = shown.fits,
                 .params = model.facts().params_total,
                 .bytes_per_token = model.facts().bytes_per_token};
  exam.decisions = shown.decisions;
  const std::map<Type, int64_t> matrix_bytes = matrix_bytes_by_type(shown.graph);
  exam.bits_per_weight = bits_per_weight(matrix_bytes);
  if (exam.fits) TRY(run_for_a_moment(model, machine, request.runtime, exam));
  // Memory is at its fastest for a moment only on a busy machine: the better of two looks is the roof.
  const double again = measure_read_gbps(machine.measured.threads, 0.15, bandwidth_buffer_bytes(machine));
  machine.measured.read_gbps = std::max(machine.measured.read_gbps, again);
  if (exam.bytes_per_token > 0) exam.ceiling_tps = machine.measured.read_gbps * 1e9 / static_cast<double>(exam.bytes_per_token);
  exam.roof_fraction = roof_fraction(exam.decode_gbps, machine.measured.read_gbps);

  const std::string name = printable(request.model, 400);
  const Gains gains = exam.fits ? gains_of(env, model, machine, request, exam) : Gains{};
  MemoryUse memory{.bytes = exam.bytes,
                   .reserve_bytes = kReserveBytes,
                   .fits = exam.fits,
                   .fitting_flags = "",
                   .n_ctx = exam.n_ctx,
                   .n_ctx_train = exam.n_ctx_train,
                   .ctx_asked = request.runtime.n_ctx > 0,
                   .bytes_per_token = exam.bytes_per_token,
                   .kv_bits = kv_bits(request.runtime),
                   .q8_cache_gain = gains.q8_cache};
  if (!exam.fits)
    if (const auto fitting = what_fits(model, machine, request.runtime, exam.n_ctx); !fitting.empty())
      memory.fitting_flags = fitting.front().flags;
  append(findings, check_memory(machine, memory, name));
  append(findings, check_runtime(machine,
                                 {.backend = request.runtime.backend,
                                  .n_threads = exam.n_threads,
                                  .k_type = request.runtime.k_type,
                                  .v_type = request.runtime.v_type,
                                  .n_ctx = exam.n_ctx,
                                  .n_ctx_train = exam.n_ctx_train,
                                  .kv_bytes = exam.bytes.kv,
                                  .bytes_per_token = exam.bytes_per_token,
                                  .decode_gbps = exam.decode_gbps,
                                  .f16_cache_gain = gains.f16_cache,
                                  .usable_threads_gain = gains.usable_threads,
                                  .eight_bits_gain = gains.eight_bits,
                                  .is_debug_build = kIsDebugBuild,
                                  .where_time_goes = where_time_goes(exam.decode_ops)},
                                 name));
  const auto tokenizer = model.tokenizer();
  append(findings, check_model(model.file(), tokenizer ? (*tokenizer)->notes() : std::span<const std::string>()));
  int64_t matrices = 0;
  for (const auto& [type, bytes] : matrix_bytes) matrices += bytes;
  append(findings, check_quantization({matrix_bytes, std::max<int64_t>(0, exam.bytes_per_token - matrices)}, name));
  return exam;
}

// One line a layer, with how far it is used.
std::vector<LayerVerdict> layer_verdicts(const Diagnosis& d) {
  const Machine& m = d.machine;
  std::string hardware =
      fmt::format("reads {:.1f} GB/s with {} threads ({})", m.measured.read_gbps, m.measured.threads, m.threads_reason());
  if (!d.exam)
    return {{Layer::hardware, 0, hardware + (d.isa.empty() ? "" : ", " + d.isa)},
            {Layer::memory,
             1 - static_cast<double>(m.ram.available_bytes) / static_cast<double>(std::max<int64_t>(1, m.ram.total_bytes)),
             fmt::format("{} of {} available", format_bytes(m.ram.available_bytes),
                         format_bytes(m.ram.limit_bytes > 0 ? m.ram.limit_bytes : m.ram.total_bytes))}};
  const ModelExam& exam = *d.exam;
  if (exam.decode_gbps > 0)
    hardware = fmt::format("{:.1f} of {:.1f} GB/s in a decode, ", exam.decode_gbps, m.measured.read_gbps) + m.threads_reason();
  const double needed =
      static_cast<double>(exam.bytes.total()) / static_cast<double>(std::max<int64_t>(1, m.ram.available_bytes));
  const double ratio = exam.ceiling_tps > 0 ? exam.decode_tps / exam.ceiling_tps : 0;
  return {{Layer::hardware, exam.roof_fraction, hardware},
          {Layer::memory, needed,
           fmt::format("{} of {} for {} tokens: weights {}, KV cache {}", format_bytes(exam.bytes.total()),
                       format_bytes(m.ram.available_bytes), exam.n_ctx, format_bytes(exam.bytes.weights),
                       format_bytes(exam.bytes.kv))},
          {Layer::runtime, ratio,
           exam.decode_tps > 0 ? fmt::format("decode {:.1f} of at most {:.1f} tok/s, prefill {:.0f} tok/s, {} threads, {}",
                                             exam.decode_tps, exam.ceiling_tps, exam.prefill_tps, exam.n_threads, d.isa)
                               : fmt::format("not run; at most {:.1f} tok/s", exam.ceiling_tps)},
          {Layer::model, 0,
           fmt::format("{} parameters, {} read for a token", format_count(exam.params), format_bytes(exam.bytes_per_token))},
          {Layer::quantization, exam.bits_per_weight / 16, fmt::format("{:.2f} bits a weight", exam.bits_per_weight)}};
}

std::string verdict_of(const Diagnosis& d) {
  if (!d.stuck_on) return d.exam ? "nothing limits this model here" : "nothing is wrong with this machine";
  const auto first = std::find_if(d.findings.begin(), d.findings.end(), [&](const Finding& f) { return f.layer == *d.stuck_on; });
  return fmt::format("stuck on {}{}{}", layer_name(*d.stuck_on), first == d.findings.end() ? "" : ": ",
                     first == d.findings.end() ? "" : first->what);
}

}  // namespace

void rank(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return a.severity != b.severity ? a.severity > b.severity : a.gain > b.gain;
  });
}

std::optional<Layer> stuck_on(const std::vector<Finding>& ranked, const std::optional<ModelExam>& exam) {
  for (const Finding& finding : ranked)
    if (finding.severity != Severity::info && finding.limits) return finding.layer;
  if (!exam || exam->decode_tps <= 0) return std::nullopt;
  return exam->roof_fraction >= kRoofReached ? Layer::hardware : Layer::runtime;
}

Result<Diagnosis> diagnose(const Env& env, const DoctorRequest& request) {
  Diagnosis d;
  d.isa = request.isa;
  TRY_ASSIGN(d.machine, probe(env));
  const std::optional<CpuTimes> at_start = read_cpu_times(env);
  std::this_thread::sleep_for(std::chrono::milliseconds(at_start ? 200 : 0));
  const std::optional<CpuTimes> before = read_cpu_times(env);
  d.machine.measured.threads = request.runtime.n_threads > 0 ? request.runtime.n_threads : d.machine.usable_threads();
  d.machine.measured.read_gbps = measure_read_gbps(d.machine.measured.threads, 0.3, bandwidth_buffer_bytes(d.machine));

  if (!request.model.empty()) {
    TRY_ASSIGN(const Model model, Model::open(request.model));
    TRY_ASSIGN(d.exam, examine(env, model, d.machine, request, d.findings));
  }
  const std::optional<CpuTimes> after = read_cpu_times(env);
  HardwareUse use{.isa = request.isa,
                  .isa_best = request.isa_best,
                  .load_before = {},
                  .load_during = {},
                  .decode_gbps = d.exam ? d.exam->decode_gbps : 0};
  if (at_start && before) use.load_before = load_between(*at_start, *before);
  if (before && after) use.load_during = load_between(*before, *after);
  append(d.findings, check_hardware(d.machine, use));
  rank(d.findings);
  d.stuck_on = stuck_on(d.findings, d.exam);
  d.layers = layer_verdicts(d);
  d.verdict = verdict_of(d);
  return d;
}

}  // namespace lupo
