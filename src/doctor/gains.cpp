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

// A turn behind what is in the cache, beside the whole conversation read again.
double first_token_gain(const WhatThen& now, const Habits& habits) {
  int64_t held = habits.n_turns > 0 ? static_cast<int64_t>(habits.n_held) : kHeld;
  const int64_t turn = habits.n_turns > 0 ? static_cast<int64_t>(habits.n_prompt) - held : kTurn;
  held = std::min(held, now.graph.n_ctx - 1 - turn);
  if (held <= 0 || turn <= 0) return 0;
  const double whole = now.prefill_seconds(held + turn, 0), rest = now.prefill_seconds(turn, held);
  return rest > 0 && whole > rest ? whole / rest - 1 : 0;
}

double best_isa_gain(const Env& env, const Model& model, const Machine& machine, const DoctorRequest& request,
                     const RuntimeOptions& options, const WhatThen& now) {
  if (request.isa == request.isa_best || request.isa_best.empty()) return 0;
  const WithoutVariable unforced("LUPO_ISA");
  return gain_of(now, WhatIf(env, model, machine, request.isa_best).with(options), kExamDepth);
}

// Where 1 + gain lies in 80 of 100 cases, less the 1; `gain` above 0.
Interval bracket(double gain, double deviation, double noise) {
  const Interval ratio = interval_of(1 + gain, {0, std::hypot(deviation, noise)});
  return {ratio.low - 1, gain, ratio.high - 1};
}

}  // namespace

Gains gains_of(const Env& env, const Model& model, const Machine& machine, const DoctorRequest& request, const ModelExam& exam,
               const Habits& habits) {
  WhatIf what_if(env, model, machine, request.isa);
  RuntimeOptions options = request.runtime;
  options.n_ctx = exam.n_ctx;
  const std::optional<WhatThen> now = what_if.with(options);
  if (!now) return {};
  const auto gain = [&](int64_t depth, auto change) {
    RuntimeOptions then = options;
    change(then);
    return gain_of(now, what_if.with(then), depth);
  };
  const auto cache = [](Type type) { return [type](RuntimeOptions& o) { o.k_type = o.v_type = type; }; };
  const int64_t full = exam.n_ctx - 1, brief = std::min(kExamDepth, full);
  Gains gains{.calibration = *now->calibration,
              .spreads = narrowed_by_history(env, what_if.store(), *now->calibration, model).spreads,
              .noise = now->calibration->noise};
  if (const double tps = now->decode_tps(brief); tps > 0 && gains.calibration->quiet)
    gains.decode = interval_of(tps, gains.spreads.decode);
  if (exam.bytes.kv > 0 && row_bytes(options.k_type, 32) > row_bytes(Type::q8_0, 32))
    gains.q8_cache = gain(full, cache(Type::q8_0));
  if (options.k_type == Type::f32 || options.v_type == Type::f32) gains.f16_cache = gain(full, cache(Type::f16));
  if (exam.n_threads != machine.usable_threads())
    gains.usable_threads = gain(brief, [&](RuntimeOptions& o) { o.n_threads = machine.usable_threads(); });
  if (options.activations == ActivationBits::chosen)
    gains.eight_bits = gain(brief, [](RuntimeOptions& o) { o.activations = ActivationBits::eight; });
  if (const double first = first_token_gain(*now, habits); first > 0)
    gains.first_token = bracket(first, kFirstTokenDeviation, gains.noise);
  gains.best_isa = best_isa_gain(env, model, machine, request, options, *now);
  return gains;
}

void bracket_gains(std::vector<Finding>& findings, double noise) {
  for (Finding& finding : findings) {
    if (finding.gain <= 0 || finding.gain_high > 0) continue;
    const Interval gain = bracket(finding.gain, kGainDeviation, noise);
    finding.gain_low = gain.low;
    finding.gain_high = gain.high;
  }
}

}  // namespace lupo
