#include "doctor/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/units.h"

namespace lupo {
namespace {

constexpr double kAtTheWall = 0.85;  // of the read bandwidth: nothing but fewer bytes would help
constexpr double kOthersBusy = 0.10, kSteal = 0.05;
constexpr double kSlower = 0.80;      // of a rate when it was calibrated
constexpr double kFaultShare = 0.02;  // of a run's time, at kDiskFault each
constexpr double kDiskFault = 1e-4;   // seconds: the first byte from a good disk
constexpr double kDiskRate = 2e9;     // bytes a second: the others

PhaseVerdict broken(Layer layer, std::string code, std::string what, std::string fix) {
  return {.as_predicted = false, .layer = layer, .code = std::move(code), .what = std::move(what), .fix = std::move(fix)};
}

// The first thing that explains why it was slower than predicted.
PhaseVerdict explain(const Circumstances& c, const Calibration& calibration, const std::string& model) {
  if (c.read_the_disk())
    return broken(Layer::memory, "reread-from-disk",
                  fmt::format("{} came from the disk again: the weights do not stay in memory", format_bytes(c.disk_bytes)),
                  "end other programs, or take a smaller quantization  # lupo plan says what fits");
  if (c.steal > kSteal)
    return broken(Layer::hardware, "cpu-steal",
                  fmt::format("the hypervisor gave {:.0f} % of the processors to others", 100 * c.steal), "");
  if (c.others_busy > kOthersBusy)
    return broken(Layer::hardware, "busy", fmt::format("other processes had {:.0f} % of the processors", 100 * c.others_busy),
                  "top  # shows which");
  if (c.f32_gmacs > 0 && c.f32_gmacs < kSlower * calibration.f32_gmacs)
    return broken(Layer::hardware, "cores-slower",
                  fmt::format("the cores run at {:.0f} % of the speed they were calibrated at: heat, power or another guest",
                              100 * c.f32_gmacs / calibration.f32_gmacs),
                  "lupo hardware  # measures again");
  if (c.read_gbps > 0 && c.read_gbps < kSlower * calibration.file_gbps)
    return broken(Layer::hardware, "memory-slower",
                  fmt::format("memory gives {:.1f} GB/s, {:.1f} when it was calibrated: something else reads it", c.read_gbps,
                              calibration.file_gbps),
                  "lupo hardware  # measures again");
  return broken(Layer::runtime, "slower", "slower than this machine should be, and nothing seen explains it",
                fmt::format("lupo doctor {}", model));
}

}  // namespace

bool Circumstances::are_quiet() const { return others_busy <= kOthersBusy && steal <= kSteal && !read_the_disk(); }

bool Circumstances::read_the_disk() const {
  return static_cast<double>(major_faults) * kDiskFault + static_cast<double>(disk_bytes) / kDiskRate > kFaultShare * seconds;
}

Watch::Look Watch::look(const Env& env) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {.times = read_cpu_times(env), .own = own_use(), .at_seconds = std::chrono::duration<double>(now).count()};
}

Watch::Watch(const Env& env) : env_(env), begin_(look(env)) {}

Circumstances Watch::seen() const {
  const Look end = look(env_);
  Circumstances c{.seconds = end.at_seconds - begin_.at_seconds,
                  .major_faults = end.own.major_faults - begin_.own.major_faults,
                  .disk_bytes = end.own.disk_bytes - begin_.own.disk_bytes};
  if (!begin_.times || !end.times) return c;
  const CpuLoad load = load_between(*begin_.times, *end.times);
  const double ticks =
      end.times->busy + end.times->idle + end.times->steal - begin_.times->busy - begin_.times->idle - begin_.times->steal;
  const double own_ticks = end.own.ticks - begin_.own.ticks;
  c.steal = load.steal;
  if (ticks > 0) c.others_busy = std::clamp(load.busy - own_ticks / ticks, 0.0, 1.0);
  return c;
}

PhaseVerdict judge(const PhaseResult& result, const Circumstances& circumstances, const Calibration& calibration,
                   const std::string& model) {
  if (result.measured_tps < result.predicted.low) return explain(circumstances, calibration, model);
  if (result.roof_fraction >= kAtTheWall)
    return {.layer = Layer::hardware,
            .code = "at-the-wall",
            .what = fmt::format("at the wall ({:.0f} % of the read bandwidth)", 100 * result.roof_fraction)};
  if (result.measured_tps > result.predicted.high) return {.code = "faster", .what = "faster than predicted"};
  return {.code = "as-predicted", .what = "as predicted"};
}

std::string to_line(const PhaseResult& result, const PhaseVerdict& verdict) {
  return fmt::format("predicted {} tok/s, got {:.{}f}: {}", in_words(result.predicted), result.measured_tps,
                     result.predicted.middle < 10 ? 1 : 0, verdict.what);
}

}  // namespace lupo
