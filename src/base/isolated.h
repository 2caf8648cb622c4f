// Runs untrusted work in a child process with limits on memory and CPU time, so that whatever it does ends as a value here.
//
// For engines that cannot be bounded from inside. A fork costs well below a millisecond in a small process and about 1 ms per
// 4 GiB of resident anonymous memory. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/units.h"

namespace lupo {

struct IsolationLimits {
  int64_t memory_bytes_max = 128 * kMiB;  // beyond what the process has mapped
  int cpu_ms_max = 700;
  int wall_ms_max = 10000;  // for a child that waits instead of working
};

enum class IsolatedEnd { done, out_of_time, out_of_memory, out_of_stack, not_started };

struct IsolatedResult {
  IsolatedEnd end;
  std::string output;  // what `work` returned; empty unless done
};

// `work` may allocate and compute. It sees no open file but /dev/null, must not start threads, and takes no lock that another
// thread may hold (stdio, the time zone's): the child has this thread alone.
IsolatedResult run_isolated(const std::function<std::string()>& work, const IsolationLimits& limits = {});

}  // namespace lupo
