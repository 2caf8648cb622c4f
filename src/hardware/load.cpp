#include "hardware/load.h"

#include <algorithm>
#include <cstdio>

namespace lupo {

std::optional<CpuTimes> read_cpu_times(const Env& env) {
  const std::string stat = env.read_text("/proc/stat").value_or("");
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  const int fields = std::sscanf(stat.c_str(), "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &iowait, &irq,
                                 &softirq, &steal);
  if (fields < 4) return std::nullopt;
  return CpuTimes{.busy = user + nice + system + irq + softirq, .idle = idle + iowait, .steal = steal};
}

CpuLoad load_between(const CpuTimes& before, const CpuTimes& after) {
  const double busy = after.busy - before.busy, idle = after.idle - before.idle, steal = after.steal - before.steal;
  const double total = busy + idle + steal;
  if (total <= 0) return {};
  return {.busy = std::clamp(busy / total, 0.0, 1.0), .steal = std::clamp(steal / total, 0.0, 1.0)};
}

}  // namespace lupo
