#include "doctor/outlook.h"

#include <algorithm>

namespace lupo {
namespace {

constexpr int64_t kContextFirst = 1024, kCurveFirst = 16;

// Seconds of what has that many tokens a second: the quick end is the short one.
Interval seconds_of(double n, const Interval& tps) { return {n / tps.high, n / tps.middle, n / tps.low}; }

}  // namespace

Result<std::vector<ContextPoint>> memory_over_context(const Model& model, const Machine& machine, RuntimeOptions options,
                                                      int64_t n_ctx) {
  const int64_t n_ctx_train = model.hparams().n_ctx_train, last = std::max(n_ctx_train, n_ctx);
  std::vector<int64_t> contexts{n_ctx, n_ctx_train};
  for (int64_t n = kContextFirst; n < last; n *= 2) contexts.push_back(n);
  std::ranges::sort(contexts);
  const auto same = std::ranges::unique(contexts);
  contexts.erase(same.begin(), same.end());
  std::vector<ContextPoint> points;
  for (int64_t n : contexts) {
    options.n_ctx = n;
    TRY_ASSIGN(const Preview shown, preview(model, machine, options));
    points.push_back({n, shown.plan.bytes, shown.fits});
  }
  return points;
}

Prediction speed_over_context(const Graph& graph, const Calibration& calibration, const Spreads& spreads) {
  std::vector<int64_t> depths, prompts;
  for (int64_t n = kCurveFirst; n < graph.n_ctx; n *= 2) depths.push_back(n);
  prompts = depths;
  depths.push_back(graph.n_ctx - 1);
  prompts.push_back(graph.n_ctx);
  return predict(graph, calibration, spreads, depths, prompts);
}

const Use* find_use(std::string_view name) {
  const auto found = std::ranges::find(kUses, name, &Use::name);
  return found == kUses.end() ? nullptr : &*found;
}

UseOutlook outlook_for(const Use& use, const Graph& graph, const Calibration& calibration, const Spreads& spreads) {
  UseOutlook outlook{.use = use};
  Use& cut = outlook.use;
  cut.n_answer = std::clamp<int64_t>(cut.n_answer, 1, std::max<int64_t>(1, graph.n_ctx / 2));
  cut.n_prompt = std::clamp<int64_t>(cut.n_prompt, 1, std::max<int64_t>(1, graph.n_ctx - cut.n_answer));
  // The prompts of several sequences run one after the other: the last waits for all.
  const double prompts = static_cast<double>(cut.n_seq * cut.n_prompt);
  const double prefill = static_cast<double>(cut.n_seq) * prefill_seconds(graph, calibration, cut.n_prompt);
  const double decode = decode_seconds(graph, calibration, cut.n_prompt + cut.n_answer / 2, cut.n_seq);
  if (prefill > 0) outlook.first_token_s = seconds_of(prompts, interval_of(prompts / prefill, spreads.prefill));
  if (decode > 0) outlook.answer_tps = interval_of(static_cast<double>(cut.n_seq) / decode, spreads.decode);
  return outlook;
}

}  // namespace lupo
