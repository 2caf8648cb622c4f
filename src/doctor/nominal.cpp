#include "doctor/nominal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace lupo {
namespace {

// Shares of the stated bandwidth that are reached: ln 0.85/0.46 is 2.56 deviations.
constexpr double kGpuShare = 0.68, kRamShare = 0.62, kDecodeDeviation = 0.24;
constexpr double kTokenSeconds = 1.2e-3;  // launches and synchronisation
constexpr double kFlopShare = 0.35, kPrefillDeviation = 0.40;
constexpr double kGpuRoom = 0.94;            // of a card's memory: the driver, the display and the runtime have the rest
constexpr double kUnifiedRoom = 0.75;        // of a unified memory that its GPU may have by default above 32 GiB
constexpr double kUnifiedRoomSmall = 0.667;  // up to there

double per_second(double amount, double giga_rate) { return amount > 0 ? amount / (giga_rate * 1e9) : 0; }

}  // namespace

NominalMachine nominal_of(const Machine& machine) {
  NominalMachine nominal{.rooms = {0, machine.ram.available_bytes}, .ram_gbps = machine.ram.nominal_gbps};
  nominal.basis = machine.ram.nominal_basis;
  if (nominal.ram_gbps <= 0 && machine.measured.read_gbps > 0) {
    nominal.ram_gbps = machine.measured.read_gbps;
    nominal.basis = "reads as they were measured there";
  }
  const auto fastest = std::ranges::max_element(machine.gpus, {}, &Gpu::nominal_gbps);
  if (fastest == machine.gpus.end() || fastest->nominal_gbps <= 0) return nominal;
  int64_t n = 0, bytes = 0;
  for (const Gpu& gpu : machine.gpus) {
    if (gpu.name != fastest->name) continue;
    ++n;
    bytes += gpu.shared_memory ? 0 : gpu.free_bytes >= 0 ? gpu.free_bytes : gpu.memory_bytes;
  }
  nominal.gpu = n > 1 ? fmt::format("{} × {}", n, fastest->name) : fastest->name;
  nominal.gpu_gbps = fastest->nominal_gbps;
  nominal.gpu_tflops = fastest->nominal_tflops;
  nominal.basis =
      fastest->nominal_basis + (nominal.basis.empty() || nominal.basis == fastest->nominal_basis ? "" : "; " + nominal.basis);
  if (fastest->shared_memory) {
    const int64_t all = machine.ram.total_bytes;
    const double share = all > 32 * (int64_t{1} << 30) ? kUnifiedRoom : kUnifiedRoomSmall;
    nominal.rooms = {static_cast<int64_t>(share * static_cast<double>(all)), 0};
    // The embedding table and what is not the GPU's lie in the same memory.
    nominal.rooms.ram_bytes = all - nominal.rooms.gpu_bytes;
    nominal.ram_gbps = nominal.gpu_gbps;
  } else {
    nominal.rooms.gpu_bytes = static_cast<int64_t>(kGpuRoom * static_cast<double>(bytes));
  }
  return nominal;
}

std::optional<NominalSpeeds> predict_nominal(const Graph& graph, const Placement& placement, const NominalMachine& machine,
                                             double params_active, const std::vector<int64_t>& depths,
                                             const std::vector<int64_t>& prompts) {
  if (!placement.fits) return std::nullopt;
  const TwoPools least = bytes_per_token(graph, placement, 0);
  constexpr double kRowBytes = 1 << 20;  // a row of the embedding table, which may come from memory of any speed
  if ((least.gpu > 0 && machine.gpu_gbps <= 0) || (least.ram > kRowBytes && machine.ram_gbps <= 0)) return std::nullopt;
  const double ram_gbps = machine.ram_gbps > 0 ? machine.ram_gbps : std::numeric_limits<double>::infinity();
  NominalSpeeds speeds;
  speeds.ceiling_tps = 1 / (per_second(least.gpu, machine.gpu_gbps) + per_second(least.ram, ram_gbps));
  for (int64_t depth : depths) {
    if (depth >= graph.n_ctx) continue;
    const TwoPools read = bytes_per_token(graph, placement, depth);
    const double seconds =
        per_second(read.gpu, kGpuShare * machine.gpu_gbps) + per_second(read.ram, kRamShare * ram_gbps) + kTokenSeconds;
    Interval tps = interval_of(1 / seconds, {0, kDecodeDeviation});
    tps.high = std::min(tps.high, speeds.ceiling_tps);
    speeds.prediction.decode.push_back({depth, tps});
  }
  const bool is_all_on_gpu = placement.n_gpu_layers == placement.n_layer && placement.n_ram_expert_layers == 0;
  for (int64_t n : prompts) {
    if (n > graph.n_ctx || machine.gpu_tflops <= 0 || !is_all_on_gpu) continue;
    const double tps = kFlopShare * machine.gpu_tflops * 1e12 / (2 * params_active);
    speeds.prediction.prefill.push_back({n, interval_of(tps, {0, kPrefillDeviation})});
  }
  speeds.basis =
      fmt::format("not measured; {}; 8 of 10 engines reach {:.0f} to {:.0f} % of the stated bandwidth", machine.basis,
                  100 * kGpuShare * std::exp(-1.2816 * kDecodeDeviation), 100 * kGpuShare * std::exp(1.2816 * kDecodeDeviation));
  return speeds;
}

}  // namespace lupo
