#include "doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

#include "base/printable.h"
#include "base/units.h"
#include "doctor/fit.h"
#include "doctor/gains.h"
#include "doctor/habits.h"
#include "doctor/neighbours.h"
#include "doctor/verdict.h"
#include "hardware/bandwidth.h"
#include "hardware/checks.h"
#include "hardware/measured_cache.h"
#include "memory/checks.h"
#include "model/checks.h"
#include "model/text/template_check.h"
#include "quant/checks.h"
#include "runtime/checks.h"
#include "runtime/kernel_speed.h"

namespace lupo {
namespace {

// A short run: long enough for a steady decode on a small model, cut by time on a large one.
constexpr int64_t kPrefillTokens = 128, kDecodeTokens = 32;
constexpr double kRunSecondsMax = 2;
constexpr double kDiskSeconds = 0.3;
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

double kv_bits(const RuntimeOptions& options) { return (bits_of(options.k_type) + bits_of(options.v_type)) / 2; }

void add_speeds(const PrefillSpeed& prefill, const DecodeSpeed& decode, Roof& roof, ModelExam& exam) {
  exam.prefill_tps = prefill.tps;
  exam.decode_tps = decode.tps;
  exam.decode_gbps = decode.traffic.gbps;
  exam.decode_ops = decode.ops;
  exam.prefill_ops = prefill.ops;
  exam.n_prefill = prefill.n;
  exam.decode_depth = decode.n / 2;
  exam.timeline.tokens = decode.steps;
  roof = greater(roof, measure_product_peaks(roof.threads).value_or(roof));  // another look: the first may have been disturbed
  const double peak = peak_seconds(prefill.cost, roof);
  exam.prefill_gflops = prefill.cost.flops / static_cast<double>(prefill.n) * prefill.tps / 1e9;
  if (peak > 0) exam.peak_gflops = prefill.cost.flops / peak / 1e9;
}

// Runs the model for a moment and fills the measured part of the exam; what went on meanwhile, once the weights were there.
Result<Circumstances> run_for_a_moment(const Env& env, const Model& model, const Machine& machine, Roof& roof,
                                       const RuntimeOptions& options, ModelExam& exam) {
  const auto note = [&](std::string name, const StepTime& time) { exam.timeline.parts.push_back({std::move(name), time}); };
  Stopwatch stopwatch;
  RuntimeOptions brief = options;
  brief.n_ctx =
      std::min<int64_t>(exam.n_ctx, kPrefillTokens + kDecodeTokens);  // the cache of a short run, not of the full context
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, Engine::load(model, machine, brief));
  StepTime loaded = stopwatch.lap();
  note("plan", {.ms = engine->plan_ms()});
  loaded.ms -= engine->plan_ms();
  note("compile", loaded);
  TRY_ASSIGN(const double first_token, warm_up(*engine));
  note("first token", stopwatch.lap());
  // A token that takes long already says how slow this is: then a few tokens must do.
  const int64_t n_prefill = std::min<int64_t>(first_token > 0.25 ? 16 : kPrefillTokens, engine->n_ctx());
  const Watch watch(env);
  const SpeedOptions speed{.repetitions = 3, .seconds_max = kRunSecondsMax, .trace = true};
  TRY_ASSIGN(const PrefillSpeed prefill, measure_prefill(*engine, n_prefill, 0, speed));
  TRY_ASSIGN(const DecodeSpeed decode, measure_decode(*engine, std::min(kDecodeTokens, engine->n_ctx()), 0, 1, speed));
  Circumstances circumstances = watch.seen();
  for (const StepTime& run : prefill.runs) note("prefill", run);
  note("decode", sum_of(decode.steps));
  add_speeds(prefill, decode, roof, exam);
  circumstances.read_gbps = measure_weights_gbps(*engine);
  circumstances.f32_gmacs = measure_f32_gmacs(engine->n_threads()).value_or(0);
  return circumstances;
}

// What the checks of a model rest on.
struct Seen {
  const Env& env;
  const Model& model;
  const Machine& machine;
  const DoctorRequest& request;
  const ModelExam& exam;
  std::string name;  // of the model, for commands
  Habits habits{};
  Gains gains{};
  Circumstances circumstances{};  // of the run
  Neighbours neighbours{};
  double undisturbed_gain() const {
    return gains.decode && exam.decode_tps > 0 ? std::max(0.0, gains.decode->middle / exam.decode_tps - 1) : 0;
  }
};

// The least power of two in which the last answers had room, and what it frees.
void add_context_use(const Seen& seen, MemoryUse& use) {
  use.n_answers = seen.habits.n_answers;
  use.n_used_max = seen.habits.n_used_max;
  const int64_t enough = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(use.n_used_max + use.n_used_max / 2)));
  if (use.n_answers == 0 || 2 * enough > use.n_ctx) return;
  RuntimeOptions options = seen.request.runtime;
  options.n_ctx = use.n_ctx_enough = std::max<int64_t>(512, enough);
  if (const Result<Preview> shown = preview(seen.model, seen.machine, options))
    use.freed_bytes = std::max<int64_t>(0, use.bytes.total() - shown->plan.bytes.total());
}

MemoryUse memory_use(const Seen& seen) {
  const ModelExam& exam = seen.exam;
  MemoryUse use{.bytes = exam.bytes,
                .reserve_bytes = kReserveBytes,
                .fits = exam.fits,
                .fitting_flags = "",
                .n_ctx = exam.n_ctx,
                .n_ctx_train = exam.n_ctx_train,
                .ctx_asked = seen.request.runtime.n_ctx > 0,
                .bytes_per_token = exam.bytes_per_token,
                .kv_bits = kv_bits(seen.request.runtime),
                .q8_cache_gain = seen.gains.q8_cache,
                .undisturbed_gain = seen.undisturbed_gain()};
  if (seen.circumstances.read_the_disk()) {
    use.major_faults = seen.circumstances.major_faults;
    use.disk_bytes = seen.circumstances.disk_bytes;
  }
  add_context_use(seen, use);
  if (exam.fits) return use;
  if (const auto fitting = what_fits(seen.model, seen.machine, seen.request.runtime, exam.n_ctx); !fitting.empty())
    use.fitting_flags = fitting.front().flags;
  return use;
}

RuntimeUse runtime_use(const Seen& seen, std::string template_changes) {
  const ModelExam& exam = seen.exam;
  const RuntimeOptions& options = seen.request.runtime;
  const Habits& habits = seen.habits;
  return {.backend = options.backend,
          .n_threads = exam.n_threads,
          .k_type = options.k_type,
          .v_type = options.v_type,
          .n_ctx = exam.n_ctx,
          .n_ctx_train = exam.n_ctx_train,
          .kv_bytes = exam.bytes.kv,
          .bytes_per_token = exam.bytes_per_token,
          .decode_gbps = exam.decode_gbps,
          .f16_cache_gain = seen.gains.f16_cache,
          .usable_threads_gain = seen.gains.usable_threads,
          .eight_bits_gain = seen.gains.eight_bits,
          .is_debug_build = kIsDebugBuild,
          .n_answers = habits.n_answers,
          .n_short = habits.n_short,
          .n_ctx_short = habits.n_ctx,
          .n_used_max = habits.n_used_max,
          .n_turns = habits.n_turns,
          .n_held = habits.n_held,
          .n_reused = habits.n_reused,
          .template_changes = std::move(template_changes),
          .first_token_gain = seen.gains.first_token,
          .n_drafted = habits.n_drafted,
          .draft_gain = habits.draft_gain,
          .where_time_goes = where_time_goes(exam.decode_ops)};
}

// Of a model that answers: its chat template beside its vocabulary. Where there is no template check_model says so.
TemplateSeen template_seen(const Seen& seen, const Tokenizer& tokenizer) {
  const gguf::Metadata& metadata = seen.model.metadata();
  const bool has_own = metadata.find("tokenizer.chat_template") != nullptr;
  if (seen.request.chat_template.empty() && !has_own) return {};
  const Result<ChatTemplate> chosen = ChatTemplate::choose(metadata, seen.request.chat_template);
  if (chosen) return look_at_template(*chosen, tokenizer, seen.name);
  return {{{Layer::runtime, "template-fails", Severity::problem, "the chat template cannot be used", chosen.error().what, 0,
            chosen.error().fix}}};
}

// A run that was slower than predicted, for a reason that the layers' checks named already, or one more.
void add_what_broke(const Seen& seen, std::vector<Finding>& findings) {
  constexpr double kClearly = 0.9;  // of what 9 of 10 runs reach
  if (!seen.gains.decode || seen.exam.decode_tps <= 0 || seen.exam.decode_tps >= kClearly * seen.gains.decode->low) return;
  const Interval& expected = *seen.gains.decode;
  const PhaseVerdict verdict = judge({expected, seen.exam.decode_tps}, seen.circumstances, *seen.gains.calibration, seen.name);
  auto found = std::ranges::find(findings, verdict.code, &Finding::code);
  if (found == findings.end()) {
    findings.push_back({*verdict.layer, verdict.code, Severity::warning, verdict.what, "", 0, verdict.fix});
    found = std::prev(findings.end());
  }
  found->evidence += fmt::format("{}decode predicted {} tok/s undisturbed, got {:.1f}", found->evidence.empty() ? "" : "; ",
                                 in_words(expected), seen.exam.decode_tps);
  found->gain = seen.undisturbed_gain();
  found->gain_low = expected.low / seen.exam.decode_tps - 1;
  found->gain_high = expected.high / seen.exam.decode_tps - 1;
}

std::vector<Finding> check_layers(const Seen& seen, const std::map<Type, int64_t>& matrix_bytes) {
  std::vector<Finding> findings = check_memory(seen.machine, memory_use(seen), seen.name);
  const Result<const Tokenizer*> tokenizer = seen.model.tokenizer();
  TemplateSeen chat_template = tokenizer ? template_seen(seen, **tokenizer) : TemplateSeen{};
  append(findings, check_runtime(seen.machine, runtime_use(seen, std::move(chat_template.changes)), seen.name));
  append(findings, std::move(chat_template.findings));
  append(findings, check_model(seen.model.file(), tokenizer ? (*tokenizer)->notes() : std::span<const std::string>()));
  int64_t matrices = 0;
  for (const auto& [type, bytes] : matrix_bytes) matrices += bytes;
  append(findings, check_neighbours(seen.neighbours));
  const int64_t other_bytes = std::max<int64_t>(0, seen.exam.bytes_per_token - matrices);
  append(findings, check_quantization({matrix_bytes, other_bytes, narrower_at_hand(seen.neighbours)}, seen.name));
  return findings;
}

struct Examined {
  ModelExam exam;
  Gains gains;
  Circumstances circumstances;
};

// What the hardware's checks need to know of the model's file.
HardwareUse hardware_use(const Env& env, const Machine& machine, const DoctorRequest& request,
                         const std::optional<Examined>& examined) {
  HardwareUse use{.isa = request.isa, .isa_best = request.isa_best, .load_before = {}, .load_during = {}};
  if (!examined) return use;
  use.decode_gbps = examined->exam.decode_gbps;
  use.model = shell_word(request.model);
  use.best_isa_gain = examined->gains.best_isa;
  use.others_busy = examined->circumstances.others_busy;
  use.file_read_gbps = measure_file_read_gbps(request.model, kDiskSeconds);
  std::error_code unknown;
  const auto file_bytes = std::filesystem::file_size(request.model, unknown);
  if (!unknown) use.file_bytes = static_cast<int64_t>(file_bytes);
  if (const auto known = load_measured(cache_folder(env), measurement_key(machine, env)))
    use.disk_read_gbps = known->measured.disk_read_gbps;
  return use;
}

Result<Examined> examine(const Env& env, const Model& model, Machine& machine, Roof& roof, const DoctorRequest& request,
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
  exam.name = model.metadata().string("general.name").value_or("");
  exam.architecture = model.arch().name;
  const std::map<Type, int64_t> matrix_bytes = matrix_bytes_by_type(shown.graph);
  exam.bits_per_weight = bits_per_weight(matrix_bytes);
  Seen seen{env, model, machine, request, exam, shell_word(request.model), habits_of(env, model)};
  if (exam.fits) {
    TRY_ASSIGN(seen.circumstances, run_for_a_moment(env, model, machine, roof, request.runtime, exam));
  }
  // Memory is at its fastest for a moment only on a busy machine: the better of two looks is the roof.
  const double again = measure_read_gbps(machine.measured.threads, 0.15, bandwidth_buffer_bytes(machine));
  machine.measured.read_gbps = std::max(machine.measured.read_gbps, again);
  if (exam.bytes_per_token > 0) exam.ceiling_tps = machine.measured.read_gbps * 1e9 / static_cast<double>(exam.bytes_per_token);
  exam.roof_fraction = roof_fraction(exam.decode_gbps, machine.measured.read_gbps);
  if (exam.fits) seen.gains = gains_of(env, model, machine, request, exam, seen.habits);
  TRY_ASSIGN(exam.memory, memory_over_context(model, machine, request.runtime, exam.n_ctx));
  if (seen.gains.calibration) exam.prediction = speed_over_context(shown.graph, *seen.gains.calibration, seen.gains.spreads);
  seen.neighbours = neighbours_of(env, model, shown, machine, request, exam, seen.gains);
  append(findings, check_layers(seen, matrix_bytes));
  add_what_broke(seen, findings);
  return Examined{exam, std::move(seen.gains), seen.circumstances};
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

  d.roof = measure_product_peaks(d.machine.measured.threads).value_or(Roof{});

  std::optional<Examined> examined;
  if (!request.model.empty()) {
    Stopwatch stopwatch;
    TRY_ASSIGN(const Model model, Model::open(request.model));
    const StepTime opened = stopwatch.lap();
    TRY_ASSIGN(examined, examine(env, model, d.machine, d.roof, request, d.findings));
    d.exam = examined->exam;
    std::vector<RunPart>& parts = d.exam->timeline.parts;
    if (!parts.empty()) parts.insert(parts.begin(), {"open", opened});
  }
  d.roof.read_gbps = d.machine.measured.read_gbps;
  const std::optional<CpuTimes> after = read_cpu_times(env);
  HardwareUse use = hardware_use(env, d.machine, request, examined);
  if (at_start && before) use.load_before = load_between(*at_start, *before);
  if (before && after) use.load_during = load_between(*before, *after);
  append(d.findings, check_hardware(d.machine, use));
  bracket_gains(d.findings, examined ? examined->gains.noise : 0);
  rank(d.findings);
  d.stuck_on = stuck_on(d.findings, d.exam);
  d.layers = layer_verdicts(d);
  d.verdict = verdict_of(d);
  return d;
}

}  // namespace lupo
