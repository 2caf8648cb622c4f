#include "cli/fit_options.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "base/units.h"
#include "cli/isa_names.h"
#include "doctor/expectation.h"
#include "doctor/fit.h"

namespace lupo::cli {
namespace {

RuntimeOptions with(RuntimeOptions options, const FitOption& fit) {
  options.n_ctx = fit.n_ctx;
  options.k_type = options.v_type = fit.kv_type;
  return options;
}

// ", decode 38 [33–44] tok/s with 2048 tokens in it", where this machine is calibrated for it.
std::string speed_of(const Model& model, const Machine& machine, const RuntimeOptions& options) {
  const Result<IsaNames> isa = isa_names(options.backend);
  const Result<Preview> shown = preview(model, machine, options);
  if (!isa || !shown) return {};
  const CalibrationStore store(real_env(), machine, isa->in_use);
  const std::optional<Calibration> calibration = store.find(shown->n_threads);
  if (!calibration || !covers(*calibration, needs_of(shown->graph))) return {};
  const int64_t depth = shown->graph.n_ctx / 2;
  const Interval tps = interval_of(1 / decode_seconds(shown->graph, *calibration, depth),
                                   narrowed_by_history(real_env(), store, *calibration, model).spreads.decode);
  return fmt::format(", decode {:.3g} [{:.3g}–{:.3g}] tok/s when half full", tps.middle, tps.low, tps.high);
}

}  // namespace

Result<RuntimeOptions> fitting_options(const std::string& path, const Model& model, const Machine& machine, RuntimeOptions options,
                                       bool shrink, std::vector<std::string>& notes) {
  TRY_ASSIGN(const Preview shown, preview(model, machine, options));
  if (shown.fits) return options;
  const std::vector<FitOption> fitting = what_fits(model, machine, options, shown.graph.n_ctx);
  const MemoryBytes& bytes = shown.plan.bytes;
  const std::string what =
      fmt::format("at a context of {} it needs {} (weights {}, KV cache {}, state {}, scratch {}), {} are free, of which {} stay in "
                  "reserve",
                  shown.graph.n_ctx, format_bytes(bytes.total()), format_bytes(bytes.weights), format_bytes(bytes.kv),
                  format_bytes(bytes.state), format_bytes(bytes.scratch), format_bytes(shown.available_bytes),
                  format_bytes(kReserveBytes));
  if (fitting.empty()) {
    const double bits = bits_per_weight_that_fit(model.facts().params_total, bytes.state + bytes.scratch,
                                                 shown.available_bytes - kReserveBytes);
    return fail(Layer::memory, "does-not-fit", what,
                fmt::format("a quantization of at most {:.1f} bits a weight, or a smaller model", bits));
  }
  if (shrink) {
    notes.push_back(fmt::format("shrunk, as --fit allows, to {} ({}): {}", fitting.front().flags,
                                format_bytes(fitting.front().total_bytes), what));
    return with(options, fitting.front());
  }
  std::string fix = "--fit, which takes the first of these:";
  for (const FitOption& option : fitting)
    fix += fmt::format("\n  lupo run {} {}  # {}{}", printable(path, 400), option.flags, format_bytes(option.total_bytes),
                       speed_of(model, machine, with(options, option)));
  return fail(Layer::memory, "does-not-fit", what, fix);
}

}  // namespace lupo::cli
