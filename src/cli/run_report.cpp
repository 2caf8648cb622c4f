#include "cli/run_report.h"

#include <fmt/format.h>

#include <utility>

#include "doctor/json.h"
#include "doctor/speed.h"
#include "hardware/machine.h"
#include "runtime/kernel_speed.h"

namespace lupo::cli {

namespace {

RunReport facts_of_run(const Engine& engine, const Answer& answer, double roof_gbps) {
  RunReport r{.n_prompt = answer.prefill.n_reused + answer.prefill.n_evaluated,
              .n_reused = answer.prefill.n_reused,
              .n_generated = static_cast<int64_t>(answer.tokens.size()),
              .roof_gbps = roof_gbps,
              .speculation = answer.speculation};
  if (answer.prefill.seconds > 0) r.prefill_tps = static_cast<double>(answer.prefill.n_evaluated) / answer.prefill.seconds;
  if (answer.n_decoded == 0 || answer.decode_seconds <= 0) return r;
  r.decode_tps = static_cast<double>(answer.n_decoded) / answer.decode_seconds;
  const double steps_per_second = static_cast<double>(answer.n_steps) / answer.decode_seconds;
  r.decode_gbps = decode_traffic(engine.graph(), steps_per_second, 1, r.n_prompt + answer.n_decoded / 2).gbps;
  r.roof_fraction = roof_fraction(r.decode_gbps, roof_gbps);
  return r;
}

}  // namespace

Reporter::Reporter(const Engine& engine, const Machine& machine, std::string_view isa, std::string model)
    : engine_(engine), store_(real_env(), machine, isa), model_(std::move(model)) {}

RunReport Reporter::report(const Answer& answer, Circumstances circumstances) {
  const double roof_gbps = measure_weights_gbps(engine_);
  RunReport r = facts_of_run(engine_, answer, roof_gbps);
  r.memory = memory_of(real_env(), engine_);
  if (!engine_.backend_name().starts_with("cpu")) return r;
  if (!calibration_) calibration_ = store_.find(engine_.n_threads(), engine_.activations());
  if (!calibration_ || !covers(*calibration_, needs_of(engine_.graph(), engine_.activations()))) return r;
  circumstances.read_gbps = roof_gbps;
  circumstances.f32_gmacs = measure_f32_gmacs(engine_.n_threads()).value_or(0);
  r.outcome = judge_run(real_env(), store_, *calibration_, engine_,
                        {.n_prefill = answer.prefill.n_evaluated,
                         .prefill_depth = answer.prefill.n_reused,
                         .prefill_tps = r.prefill_tps,
                         .is_first = std::exchange(is_first_, false),
                         .n_decode = answer.n_decoded,
                         .decode_depth = r.n_prompt + answer.n_decoded / 2,
                         .decode_tps = r.decode_tps,
                         .roof_fraction = r.roof_fraction,
                         .is_speculated = answer.n_steps != answer.n_decoded},
                        circumstances, model_);
  return r;
}

std::string to_line(const RunReport& r) {
  std::string line = fmt::format("prefill {} tok, {:.0f} tok/s", r.n_prompt - r.n_reused, r.prefill_tps);
  if (r.n_reused > 0) line += fmt::format(" ({} reused)", r.n_reused);
  line += fmt::format(" · decode {} tok", r.n_generated);
  if (r.decode_tps > 0) line += fmt::format(", {:.1f} tok/s, {:.1f} GB/s", r.decode_tps, r.decode_gbps);
  if (r.roof_fraction > 0)
    line += fmt::format(" = {:.0f} % of the {:.1f} GB/s this memory gives", 100 * r.roof_fraction, r.roof_gbps);
  if (r.speculation && r.speculation->n_proposed > 0)
    line +=
        fmt::format(" · {} of {} tokens proposed by {} accepted = {:.0f} %, {:.2f}× as fast", r.speculation->n_accepted,
                    r.speculation->n_proposed, r.speculation->by, 100 * r.speculation->accepted_share(), r.speculation->gain());
  else if (r.speculation && r.decode_tps > 0)
    line += " · speculation did not pay";
  for (const auto& [name, phase] : {std::pair{"prefill", &r.outcome.prefill}, {"decode", &r.outcome.decode}}) {
    if (!*phase) continue;
    line += fmt::format("\n{} {}", name, to_line((*phase)->result, (*phase)->verdict));
    if (!(*phase)->verdict.fix.empty()) line += fmt::format("\n  fix: {}", (*phase)->verdict.fix);
  }
  if (r.memory) line += "\n" + to_line(*r.memory);
  return line;
}

namespace {

nlohmann::ordered_json to_json(const SpeculationStats& s) {
  return {{"by", s.by},
          {"steps", s.n_steps},
          {"proposed_tokens", s.n_proposed},
          {"accepted_tokens", s.n_accepted},
          {"accepted_share", s.accepted_share()},
          {"watched_tokens", s.n_watched},
          {"came_true_tokens", s.n_came},
          {"gain", s.gain()}};
}

nlohmann::ordered_json to_json(const std::optional<PhaseOutcome>& phase) {
  if (!phase) return nullptr;
  const auto& [result, verdict] = *phase;
  return {{"predicted_tps", json_of(result.predicted)},
          {"as_predicted", verdict.as_predicted},
          {"layer", verdict.layer ? nlohmann::ordered_json(layer_name(*verdict.layer)) : nlohmann::ordered_json()},
          {"code", verdict.code},
          {"what", verdict.what},
          {"fix", verdict.fix}};
}

}  // namespace

nlohmann::ordered_json to_json(const RunReport& r) {
  nlohmann::ordered_json json = {{"prompt_tokens", r.n_prompt},       {"reused_tokens", r.n_reused},
                                 {"generated_tokens", r.n_generated}, {"prefill_tps", r.prefill_tps},
                                 {"decode_tps", r.decode_tps},        {"decode_gbps", r.decode_gbps},
                                 {"roof_gbps", r.roof_gbps},          {"roof_fraction", r.roof_fraction}};
  json["verdict"] = {{"prefill", to_json(r.outcome.prefill)}, {"decode", to_json(r.outcome.decode)}};
  if (const auto& memory = r.memory)
    json["memory"] = {{"planned", json_of(memory->planned)},
                      {"resident_bytes", memory->resident},
                      {"weights_resident_bytes", memory->weights_resident},
                      {"as_planned", memory->as_planned}};
  json["speculation"] = r.speculation ? to_json(*r.speculation) : nlohmann::ordered_json();
  return json;
}

}  // namespace lupo::cli
