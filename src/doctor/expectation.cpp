#include "doctor/expectation.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace lupo {
namespace {

// Phases of fewer tokens are the clock's, the caches' and the scheduler's, not the machine's.
constexpr int64_t kPrefillMin = 16, kDecodeMin = 8;
// Mapping pages for the first time takes as long as some dozen tokens.
constexpr int64_t kFirstPrefillMin = 256;

std::string machine_name(const CalibrationStore& store, int n_threads) {
  return fmt::format("{} / {} threads", store.key(), n_threads);
}

struct PhaseRun {
  Phase phase;
  int64_t n, depth;
  double predicted_seconds;  // of n tokens
  double tps, roof_fraction;
};

Narrowed narrowed_by(const std::optional<History>& history, const std::string& machine, const std::string& model,
                     const Calibration& calibration) {
  Narrowed narrowed{.spreads = spreads_of(calibration)};
  if (!history) return narrowed;
  Spreads& spreads = narrowed.spreads;
  spreads.decode = history->narrowed(spreads.decode, machine, model, Phase::decode).value_or(spreads.decode);
  spreads.prefill = history->narrowed(spreads.prefill, machine, model, Phase::prefill).value_or(spreads.prefill);
  narrowed.n_records = history->n_records(machine).value_or(0);
  return narrowed;
}

}  // namespace

std::string model_name_of(const Model& model) {
  const std::string& path = model.file().path();
  return fmt::format("{} {}", valid_utf8(path.substr(path.find_last_of('/') + 1)), model.facts().bytes_per_token);
}

std::optional<History> open_history(const Env& env) {
  const std::string path = history_path(env);
  if (path.empty()) return std::nullopt;
  Result<History> history = History::open(path);
  if (!history) return std::nullopt;
  return std::move(*history);
}

Narrowed narrowed_by_history(const Env& env, const CalibrationStore& store, const Calibration& calibration, const Model& model) {
  return narrowed_by(open_history(env), machine_name(store, calibration.n_threads), model_name_of(model), calibration);
}

RunOutcome judge_run(const Env& env, const CalibrationStore& store, const Calibration& calibration, const Engine& engine,
                     const RunFacts& facts, const Circumstances& circumstances, const std::string& name) {
  std::optional<History> history = open_history(env);
  const std::string machine = machine_name(store, calibration.n_threads), model = model_name_of(engine.model());
  const Spreads spreads = narrowed_by(history, machine, model, calibration).spreads;
  const auto outcome = [&](const PhaseRun& m, const Spread& spread) -> std::optional<PhaseOutcome> {
    if (m.tps <= 0 || m.predicted_seconds <= 0) return std::nullopt;
    const double predicted = static_cast<double>(m.n) / m.predicted_seconds;
    PhaseOutcome out{.result = {interval_of(predicted, spread), m.tps, m.roof_fraction}, .verdict = {}};
    out.verdict = judge(out.result, circumstances, calibration, name);
    if (history && circumstances.are_quiet()) (void)history->add({machine, model, m.phase, m.n, m.depth, predicted, m.tps});
    return out;
  };
  RunOutcome run;
  if (facts.n_prefill >= (facts.is_first ? kFirstPrefillMin : kPrefillMin))
    run.prefill =
        outcome({Phase::prefill, facts.n_prefill, facts.prefill_depth,
                 prefill_seconds(engine.graph(), calibration, facts.n_prefill, facts.prefill_depth), facts.prefill_tps, 0},
                spreads.prefill);
  if (facts.n_decode >= kDecodeMin && !facts.is_speculated)
    run.decode = outcome({Phase::decode, 1, facts.decode_depth, decode_seconds(engine.graph(), calibration, facts.decode_depth),
                          facts.decode_tps, facts.roof_fraction},
                         spreads.decode);
  return run;
}

}  // namespace lupo
