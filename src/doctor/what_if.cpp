#include "doctor/what_if.h"

#include <algorithm>

#include "doctor/predict.h"

namespace lupo {

double WhatThen::decode_tps(int64_t depth) const {
  const double seconds = decode_seconds(graph, *calibration, std::clamp<int64_t>(depth, 0, graph.n_ctx - 1));
  return seconds > 0 ? 1 / seconds : 0;
}

double WhatThen::prefill_seconds(int64_t n, int64_t depth) const { return lupo::prefill_seconds(graph, *calibration, n, depth); }

double gain_of(const std::optional<WhatThen>& before, const std::optional<WhatThen>& after, int64_t depth) {
  const double now = before ? before->decode_tps(depth) : 0, then = after ? after->decode_tps(depth) : 0;
  return now > 0 && then > now ? then / now - 1 : 0;
}

std::optional<WhatThen> WhatIf::with(const RuntimeOptions& options) {
  Result<Preview> shown = preview(model_, machine_, options);
  if (!shown || !shown->fits || options.backend != "cpu") return std::nullopt;
  const CalibrationNeeds needs = needs_of(shown->graph, options.activations);
  Calibration& known = known_[{shown->n_threads, options.activations}];
  if (!covers(known, needs)) {
    Result<Calibration> calibration = calibrate(env_, store_, machine_, needs, shown->n_threads, known);
    if (!calibration) return std::nullopt;
    known = std::move(*calibration);
  }
  return WhatThen{std::move(shown->graph), &known};
}

}  // namespace lupo
