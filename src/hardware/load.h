// What else the processors do: busy and stolen time between two looks at /proc/stat (proc(5)).
#pragma once

#include <optional>

#include "base/env.h"

namespace lupo {

// Ticks of all CPUs together since boot.
struct CpuTimes {
  double busy = 0, idle = 0, steal = 0;
};
std::optional<CpuTimes> read_cpu_times(const Env& env);

// Of this process since it began (getrusage(2)).
struct OwnUse {
  double ticks = 0;            // of processors' time, as CpuTimes counts
  long long major_faults = 0;  // that had to wait for the disk
  long long disk_bytes = 0;    // read from disks, by such faults (many pages at once) or otherwise
  long long preemptions = 0;   // times that a thread had to give its core to another
};
OwnUse own_use();

// Fractions of the time between two looks, 0 … 1.
struct CpuLoad {
  double busy = 0;   // by any process
  double steal = 0;  // taken by the hypervisor for other guests
};
CpuLoad load_between(const CpuTimes& before, const CpuTimes& after);

}  // namespace lupo
