#include "doctor/gains.h"

#include <algorithm>
#include <cmath>

#include "base/env.h"
#include "doctor/expectation.h"
#include "doctor/what_if.h"

namespace lupo {
namespace {

// Of ln(1 + gain), for two predictions whose common errors cancel (docs/doctor.md has the gains that came).
constexpr double kGainDeviation = 0.08;
// A turn of a few tokens takes milliseconds, of which much is no step's.
constexpr double kFirstTokenDeviation = 0.3;
// A conversation, where none was seen: tokens before, and of the next turn.
constexpr int64_t kHeld = 1024, kTurn = 64;

double first_token_gain(WhatIf& what_if, const RuntimeOptions& now, const Habits& habits, int64_t n_ctx) {
  int64_t held = habits.n_turns > 0 ? static_cast<int64_t>(habits.n_held) : kHeld;
  const int64_t turn = habits.n_turns > 0 ? static_cast<int64_t>(habits.n_prompt) - held : kTurn;
  held = std::min(held, n_ctx - 1 - turn);
  if (held <= 0 || turn <= 0) return 0;
  const double whole = what_if.prefill_seconds(now, held + turn, 0), rest = what_if.prefill_seconds(now, turn, held);
  return rest > 0 && whole > rest ? whole / rest - 1 : 0;
}

double best_isa_gain(const Env& env, const Model& model, const Machine& machine, const DoctorRequest& request,
                     const RuntimeOptions& now, double decode_tps) {
  if (request.isa == request.isa_best || request.isa_best.empty() || decode_tps <= 0) return 0;
  const WithoutVariable unforced("LUPO_ISA");
  return std::max(0.0, WhatIf(env, model, machine, request.isa_best).decode_tps(now, kExamDepth) / decode_tps - 1);
}

}  // namespace

Gains gains_of(const Env& env, const Model& model, const Machine& machine, const DoctorRequest& request, const ModelExam& exam,
               const Habits& habits) {
  WhatIf what_if(env, model, machine, request.isa);
  RuntimeOptions now = request.runtime;
  now.n_ctx = exam.n_ctx;
  const auto gain = [&](int64_t depth, auto change) {
    RuntimeOptions then = now;
    change(then);
    return what_if.gain(now, then, depth);
  };
  const auto cache = [](Type type) { return [type](RuntimeOptions& o) { o.k_type = o.v_type = type; }; };
  const int64_t full = exam.n_ctx - 1, brief = std::min(kExamDepth, full);
  Gains gains;
  const double decode_tps = what_if.decode_tps(now, brief);
  if (const Calibration* calibration = what_if.calibration_for(now); calibration != nullptr && decode_tps > 0) {
    gains.noise = calibration->noise;
    gains.calibration = *calibration;
    if (calibration->quiet)
      gains.decode = interval_of(decode_tps, narrowed_by_history(env, what_if.store(), *calibration, model).spreads.decode);
  }
  if (exam.bytes.kv > 0 && row_bytes(now.k_type, 32) > row_bytes(Type::q8_0, 32)) gains.q8_cache = gain(full, cache(Type::q8_0));
  if (now.k_type == Type::f32 || now.v_type == Type::f32) gains.f16_cache = gain(full, cache(Type::f16));
  if (exam.n_threads != machine.usable_threads())
    gains.usable_threads = gain(brief, [&](RuntimeOptions& o) { o.n_threads = machine.usable_threads(); });
  if (now.activations == ActivationBits::chosen)
    gains.eight_bits = gain(brief, [](RuntimeOptions& o) { o.activations = ActivationBits::eight; });
  gains.first_token = first_token_gain(what_if, now, habits, exam.n_ctx);
  gains.best_isa = best_isa_gain(env, model, machine, request, now, decode_tps);
  return gains;
}

void bracket_gains(std::vector<Finding>& findings, double noise) {
  for (Finding& finding : findings) {
    if (finding.gain <= 0 || finding.gain_high > 0) continue;
    const double deviation = finding.gain_of == "first token" ? kFirstTokenDeviation : kGainDeviation;
    const Interval ratio = interval_of(1 + finding.gain, {0, std::hypot(deviation, noise)});
    finding.gain_low = ratio.low - 1;
    finding.gain_high = ratio.high - 1;
  }
}

}  // namespace lupo
