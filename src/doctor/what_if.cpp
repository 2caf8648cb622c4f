#include "doctor/what_if.h"

#include <algorithm>

#include "doctor/predict.h"

namespace lupo {

double WhatIf::decode_tps(const RuntimeOptions& options, int64_t depth) {
  const Result<Preview> shown = preview(model_, machine_, options);
  if (!shown || !shown->fits || options.backend != "cpu") return 0;
  const CalibrationNeeds needs = needs_of(shown->graph, options.activations);
  Calibration& known = known_[{shown->n_threads, options.activations}];
  if (!covers(known, needs)) {
    Result<Calibration> calibration = calibrate(env_, store_, machine_, needs, shown->n_threads, known);
    if (!calibration) return 0;
    known = std::move(*calibration);
  }
  const double seconds = decode_seconds(shown->graph, known, std::clamp<int64_t>(depth, 0, shown->graph.n_ctx - 1));
  return seconds > 0 ? 1 / seconds : 0;
}

double WhatIf::gain(const RuntimeOptions& before, const RuntimeOptions& after, int64_t depth) {
  const double now = decode_tps(before, depth), then = decode_tps(after, depth);
  return now > 0 && then > now ? then / now - 1 : 0;
}

}  // namespace lupo
