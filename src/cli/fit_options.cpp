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

// ", decode 38 [33–44] tok/s when half full", where this machine is calibrated for it.
std::string speed_of(const Model& model, const Machine& machine, const RuntimeOptions& options) {
  const Result<IsaNames> isa = isa_names(options.backend);
  const Result<Preview> shown = preview(model, machine, options);
  if (!isa || !shown) return {};
  const CalibrationStore store(real_env(), machine, isa->in_use);
  const std::optional<Calibration> calibration = store.find(shown->n_threads, options.activations);
  if (!calibration || !covers(*calibration, needs_of(shown->graph, options.activations))) return {};
  const int64_t depth = shown->graph.n_ctx / 2;
  const Interval tps = interval_of(1 / decode_seconds(shown->graph, *calibration, depth),
                                   narrowed_by_history(real_env(), store, *calibration, model).spreads.decode);
  return fmt::format(", decode {} tok/s when half full", in_words(tps));
}

}  // namespace

Result<RuntimeOptions> after_misfit(Error misfit, const std::string& path, const Model& model, const Machine& machine,
                                    const RuntimeOptions& options, bool shrink, std::vector<std::string>& notes) {
  TRY_ASSIGN(const Preview shown, preview(model, machine, options));
  const std::vector<FitOption> fitting = what_fits(model, machine, options, shown.graph.n_ctx);
  if (fitting.empty()) {
    const MemoryBytes& bytes = shown.plan.bytes;
    misfit.fix = fmt::format(
        "a quantization of at most {:.1f} bits a weight, or a smaller model",
        bits_per_weight_that_fit(model.facts().params_total, bytes.state + bytes.scratch, shown.available_bytes - kReserveBytes));
    return std::unexpected(std::move(misfit));
  }
  if (shrink) {
    notes.push_back(fmt::format("shrunk, as --fit allows, to {} ({}): {}", fitting.front().flags,
                                format_bytes(fitting.front().total_bytes), misfit.what));
    return with(options, fitting.front());
  }
  misfit.fix = "--fit, which takes the first of these:";
  for (const FitOption& option : fitting)
    misfit.fix += fmt::format("\n  lupo run {} {}  # {}{}", printable(path, 400), option.flags, format_bytes(option.total_bytes),
                              speed_of(model, machine, with(options, option)));
  return std::unexpected(std::move(misfit));
}

}  // namespace lupo::cli
