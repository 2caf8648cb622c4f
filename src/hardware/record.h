// A machine as a folder: the files that probe() reads, under the paths they have, `affinity` (a CPU list) and `drivers.json`
// (what driver libraries answered, hardware/drivers.h). tests/machines holds such folders.
#pragma once

#include <string>

#include "base/env.h"
#include "hardware/machine.h"

namespace lupo {

// Probes and writes into `folder`, which must be empty or missing. Holds nothing beyond what probe() reads, and of /proc/cpuinfo
// no serial number. Errors {hardware, record-exists | record-failed} and those of probe().
Result<Machine> record_machine(const Env& env, const std::string& driver_answers, const std::string& folder);

// Errors of probe().
Result<Machine> replay_machine(const std::string& folder);

}  // namespace lupo
