#include "doctor/what_if.h"

#include <algorithm>

#include "doctor/predict.h"

namespace lupo {

std::optional<WhatIf::Ready> WhatIf::ready(const RuntimeOptions& options) {
  Result<Preview> shown = preview(model_, machine_, options);
  if (!shown || !shown->fits || options.backend != "cpu") return std::nullopt;
  const CalibrationNeeds needs = needs_of(shown->graph, options.activations);
  Calibration& known = known_[{shown->n_threads, options.activations}];
  if (!covers(known, needs)) {
    Result<Calibration> calibration = calibrate(env_, store_, machine_, needs, shown->n_threads, known);
    if (!calibration) return std::nullopt;
    known = std::move(*calibration);
  }
  return Ready{std::move(shown->graph), &known};
}

const Calibration* WhatIf::calibration_for(const RuntimeOptions& options) {
  const std::optional<Ready> found = ready(options);
  return found ? found->calibration : nullptr;
}

double WhatIf::decode_tps(const RuntimeOptions& options, int64_t depth) {
  const std::optional<Ready> found = ready(options);
  if (!found) return 0;
  const double seconds = decode_seconds(found->graph, *found->calibration, std::clamp<int64_t>(depth, 0, found->graph.n_ctx - 1));
  return seconds > 0 ? 1 / seconds : 0;
}

double WhatIf::prefill_seconds(const RuntimeOptions& options, int64_t n, int64_t depth) {
  const std::optional<Ready> found = ready(options);
  return found ? lupo::prefill_seconds(found->graph, *found->calibration, n, depth) : 0;
}

double WhatIf::gain(const RuntimeOptions& before, const RuntimeOptions& after, int64_t depth) {
  const double now = decode_tps(before, depth), then = decode_tps(after, depth);
  return now > 0 && then > now ? then / now - 1 : 0;
}

}  // namespace lupo
