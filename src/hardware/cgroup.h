// Limits that control groups put on this process: v2, v1, or both at once (hybrid).
#pragma once

#include <cstdint>

#include "base/env.h"

namespace lupo {

struct CgroupLimits {
  double cpu_cores = 0;            // smallest quota on the path from the process' group to the root; 0 = none
  int64_t memory_bytes = 0;        // smallest limit on the path; 0 = none
  int64_t memory_left_bytes = -1;  // smallest of limit − usage + reclaimable file cache; −1 = no limit
};

CgroupLimits read_cgroup_limits(const Env& env);

}  // namespace lupo
