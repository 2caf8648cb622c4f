#include "hardware/load.h"

#include <sys/resource.h>
#include <unistd.h>

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

OwnUse own_use() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return {.ticks = (seconds(usage.ru_utime) + seconds(usage.ru_stime)) * static_cast<double>(sysconf(_SC_CLK_TCK)),
          .major_faults = usage.ru_majflt,
          .disk_bytes = usage.ru_inblock * 512LL,  // the unit: getrusage(2) of Linux
          .preemptions = usage.ru_nivcsw};
}

CpuLoad load_between(const CpuTimes& before, const CpuTimes& after) {
  const double busy = after.busy - before.busy, idle = after.idle - before.idle, steal = after.steal - before.steal;
  const double total = busy + idle + steal;
  if (total <= 0) return {};
  return {.busy = std::clamp(busy / total, 0.0, 1.0), .steal = std::clamp(steal / total, 0.0, 1.0)};
}

}  // namespace lupo
