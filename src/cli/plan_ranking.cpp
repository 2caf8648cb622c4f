#include "cli/plan_ranking.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/printable.h"
#include "base/units.h"
#include "model/gguf/file_name.h"
#include "model/neighbour_checks.h"

namespace lupo::cli {
namespace {

constexpr double kBitsEnough = 8.5;  // Q8_0: what has more is larger and slower, and nobody can tell its answers from these
constexpr size_t kNameBytesMax = 40;

Rank rank_of(const std::string& path, int64_t file_bytes, const std::optional<RemoteSource>& remote) {
  Rank one{.name = path.substr(path.find_last_of('/') + 1), .quantization = gguf::parse_file_name(path).encoding};
  one.file_bytes = file_bytes;
  if (remote) one.name = remote->published.name, one.fetch = remote->fetch;
  return one;
}

// Where each row has a quantization of its own, that says more than names which are alike but for it.
bool quantizations_tell(const std::vector<Rank>& ranks) {
  std::set<std::string> seen;
  return std::ranges::all_of(ranks, [&](const Rank& r) {
    return !r.fetch.empty() && !r.quantization.empty() && r.params == ranks[0].params && seen.insert(r.quantization).second;
  });
}

}  // namespace

Rank rank_of(const Planned& planned) {
  Rank one = rank_of(planned.path, planned.file_bytes, planned.remote);
  one.params = planned.facts.params_total;
  one.bits_per_weight = planned.bits_per_weight;
  one.n_ctx = planned.preview.graph.n_ctx;
  one.memory_bytes = planned.preview.plan.bytes.total();
  one.fits = planned.preview.fits;
  if (planned.calibration) {
    one.decode_tps = planned.prediction.decode.front().tps;
    one.prefill_tps = planned.prediction.prefill.front().tps;
  }
  return one;
}

Rank rank_of(const PlanOn& plan) {
  Rank one = rank_of(plan.path, plan.file_bytes, plan.remote);
  const PointOn& point = plan.points.front();
  one.params = plan.facts.params_total;
  one.bits_per_weight = plan.bits_per_weight;
  one.n_ctx = point.n_ctx;
  one.memory_bytes = point.bytes.total();
  one.fits = point.placement.fits;
  if (!point.speeds) return one;
  const Prediction& p = point.speeds->prediction;
  if (!p.decode.empty()) one.decode_tps = p.decode.front().tps;
  if (!p.prefill.empty()) one.prefill_tps = p.prefill.front().tps;
  return one;
}

void rank(std::vector<Rank>& ranks) {
  const auto is_usable = [](const Rank& r) { return !r.decode_tps || r.decode_tps->middle >= kReadAlongTps; };
  std::ranges::stable_sort(ranks, [&](const Rank& a, const Rank& b) {
    if (a.fits != b.fits) return a.fits;
    if (is_usable(a) != is_usable(b)) return is_usable(a);
    if (a.params != b.params) return a.params > b.params;
    const double bits_a = std::min(a.bits_per_weight, kBitsEnough), bits_b = std::min(b.bits_per_weight, kBitsEnough);
    return bits_a != bits_b ? bits_a > bits_b : a.memory_bytes < b.memory_bytes;
  });
}

void print_ranking(const std::vector<Rank>& ranks) {
  const bool short_names = quantizations_tell(ranks);
  const auto name_of = [&](const Rank& r) { return printable(short_names ? r.quantization : r.name, kNameBytesMax); };
  const bool same_ctx = std::ranges::all_of(ranks, [&](const Rank& r) { return r.n_ctx == ranks[0].n_ctx; });
  fmt::print("{:<3}{:<40} {:>10} {:>6} {:>12} {:>12} {:>8} {:>5} {:>18} {:>18}\n", "", short_names ? "quantization" : "model",
             "parameters", "bits", "file", "memory", "context", "fits", "decode, tok/s", "prefill, tok/s");
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Rank& r = ranks[i];
    fmt::print("{:<3}{:<40} {:>10} {:>6.2f} {:>12} {:>12} {:>8} {:>5} {:>18} {:>18}\n", i + 1, name_of(r), format_count(r.params),
               r.bits_per_weight, format_bytes(r.file_bytes), format_bytes(r.memory_bytes), r.n_ctx, r.fits ? "yes" : "NO",
               r.decode_tps ? in_words(*r.decode_tps) : "", r.prefill_tps ? in_words(*r.prefill_tps) : "");
  }
  fmt::print(
      "\nranked: what fits, then what decodes at {:.0f} tok/s or more, then by parameters, then by bits a weight up to {}{}\n",
      kReadAlongTps, kBitsEnough, same_ctx ? fmt::format("; at a context of {} (--ctx for another)", ranks[0].n_ctx) : "");
  const Rank& best = ranks.front();
  if (!best.fits)
    fmt::print("none of them fits at this context\n");
  else if (!best.fetch.empty())
    fmt::print("take {}: {}\n", name_of(best), printable(best.fetch));
}

}  // namespace lupo::cli
