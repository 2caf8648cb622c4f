#include "doctor/timeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "doctor/median.h"

namespace lupo {

StepTime Stopwatch::lap() {
  const Clock::time_point now = Clock::now();
  const OwnUse use = own_use();
  const StepTime time{.ms = std::chrono::duration<double, std::milli>(now - at_).count(),
                      .major_faults = use.major_faults - use_.major_faults,
                      .preemptions = use.preemptions - use_.preemptions};
  at_ = now;
  use_ = use;
  return time;
}

StepTime sum_of(const std::vector<StepTime>& steps) {
  StepTime sum;
  for (const StepTime& step : steps) {
    sum.ms += step.ms;
    sum.major_faults += step.major_faults;
    sum.preemptions += step.preemptions;
  }
  return sum;
}

TokenTimes summary_of(const std::vector<StepTime>& tokens) {
  std::vector<double> ms;
  for (const StepTime& token : tokens) ms.push_back(token.ms);
  TokenTimes summary{.median_ms = median(ms)};
  for (size_t i = 0; i < ms.size(); ++i) {
    summary.slowest_ms = std::max(summary.slowest_ms, ms[i]);
    if (ms[i] >= kSlowToken * summary.median_ms) summary.slow.push_back(i);
  }
  return summary;
}

std::string reason_of(const StepTime& step) {
  if (step.major_faults > 0) return fmt::format("{} wait{} for the disk", step.major_faults, step.major_faults == 1 ? "" : "s");
  if (step.preemptions > 0)
    return fmt::format("preempted {}", step.preemptions == 1 ? "once" : fmt::format("{} times", step.preemptions));
  return "";
}

}  // namespace lupo
