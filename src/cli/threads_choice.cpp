#include "cli/threads_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/printable.h"
#include "doctor/speed.h"
#include "hardware/bandwidth.h"

namespace lupo::cli {
namespace {

constexpr int kThreadsMax = 1024;
constexpr int kRounds = 2;
constexpr double kSecondsOfTrial = 0.4, kSecondsOfRead = 0.1;
constexpr int64_t kDecodeTokens = 16, kPrefillTokens = 64;
constexpr double kAsGood = 0.97;  // of the best: noise; the fewer threads leave more to others

Result<void> measure(const Model& model, const Machine& machine, const RuntimeOptions& options, ThreadTrial& trial) {
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, Engine::load(model, machine, options));
  TRY(warm_up(*engine));
  const SpeedOptions speed{.repetitions = 8, .seconds_max = kSecondsOfTrial};
  TRY_ASSIGN(const PrefillSpeed prefill, measure_prefill(*engine, std::min(kPrefillTokens, engine->n_ctx()), 0, speed));
  trial.prefill_tps = std::max(trial.prefill_tps, prefill.tps);
  if (model.hparams().causal && !options.pooling) {
    TRY_ASSIGN(const DecodeSpeed decode, measure_decode(*engine, std::min(kDecodeTokens, engine->n_ctx()), 0, 1, speed));
    trial.decode_tps = std::max(trial.decode_tps, decode.tps);
  }
  trial.read_gbps =
      std::max(trial.read_gbps, measure_read_gbps(options.n_threads, kSecondsOfRead, bandwidth_buffer_bytes(machine)));
  return {};
}

double score(const ThreadTrial& trial) { return trial.prefill_tps * (trial.decode_tps > 0 ? trial.decode_tps : 1); }

std::string explain(const std::vector<ThreadTrial>& trials) {
  std::vector<std::string> counts, decode, prefill, read;
  for (const ThreadTrial& trial : trials) {
    counts.push_back(std::to_string(trial.n_threads));
    decode.push_back(fmt::format("{:.1f}", trial.decode_tps));
    prefill.push_back(fmt::format("{:.0f}", trial.prefill_tps));
    read.push_back(fmt::format("{:.1f}", trial.read_gbps));
  }
  std::string text = fmt::format("best of {}:", fmt::join(counts, ", "));
  if (trials.front().decode_tps > 0) text += fmt::format(" decode {} tok/s,", fmt::join(decode, ", "));
  return text + fmt::format(" prefill {} tok/s, memory reads {} GB/s", fmt::join(prefill, ", "), fmt::join(read, ", "));
}

}  // namespace

Result<ThreadsWanted> parse_threads(const std::string& text) {
  if (text == "auto") return ThreadsWanted{.measures = true, .counts = {}};
  ThreadsWanted wanted;
  for (const char *at = text.data(), *end = at + text.size();; ++at) {
    int count = -1;
    const auto [stop, error] = std::from_chars(at, end, count);
    const bool is_whole = stop == end || *stop == ',';
    const bool may_be_zero = wanted.counts.empty() && stop == end;
    if (error != std::errc() || !is_whole || count < (may_be_zero ? 0 : 1) || count > kThreadsMax)
      return fail(
          Layer::cli, "usage",
          fmt::format("--threads '{}': wanted a number up to {}, several like 1,2, 0 or auto", printable(text, 40), kThreadsMax),
          "--threads auto");
    wanted.counts.push_back(count);
    if ((at = stop) == end) return wanted;
  }
}

std::vector<int> counts_to_try(const Machine& machine) {
  const int most = std::max(machine.cpu.n_logical, machine.usable_threads());
  std::vector<int> counts = {machine.usable_threads(), most};
  for (int n = 1; n < most; n *= 2) counts.push_back(n);
  std::ranges::sort(counts);
  const auto same = std::ranges::unique(counts);
  counts.erase(same.begin(), same.end());
  return counts;
}

Result<ThreadChoice> try_threads(const Model& model, const Machine& machine, RuntimeOptions options,
                                 std::span<const int> counts) {
  options.n_ctx = std::min<int64_t>(2 * kPrefillTokens, model.hparams().n_ctx_train);
  options.n_seq = options.n_outputs = 1;
  if (!model.hparams().causal && !options.pooling) options.pooling = model.default_pooling();
  ThreadChoice choice;
  for (int n : counts) choice.trials.push_back({.n_threads = n});
  for (int round = 0; round < kRounds; ++round)
    for (ThreadTrial& trial : choice.trials) {
      options.n_threads = trial.n_threads;
      TRY(measure(model, machine, options, trial));
    }
  double best = 0;
  for (const ThreadTrial& trial : choice.trials) best = std::max(best, score(trial));
  const ThreadTrial* chosen = nullptr;
  for (const ThreadTrial& trial : choice.trials)
    if (score(trial) >= kAsGood * best && (chosen == nullptr || trial.n_threads < chosen->n_threads)) chosen = &trial;
  choice.n_threads = chosen->n_threads;
  choice.reason = explain(choice.trials);
  return choice;
}

Result<void> settle_threads(const ThreadsWanted& wanted, const Model& model, const Machine& machine, RuntimeOptions& options) {
  if (!wanted.tries()) {
    options.n_threads = wanted.counts.front();
    return {};
  }
  TRY_ASSIGN(const ThreadChoice choice,
             try_threads(model, machine, options, wanted.measures ? counts_to_try(machine) : wanted.counts));
  options.n_threads = choice.n_threads;
  options.threads_reason = choice.reason;
  return {};
}

}  // namespace lupo::cli
