// What of a plan is in memory, while it runs.
#pragma once

#include <cstdint>

#include "base/env.h"
#include "runtime/runtime.h"

namespace lupo {

// Of this process, in bytes; 0 when unknown.
int64_t resident_bytes(const Env& env);

// Beside what was planned. Weights are resident as far as they were touched, caches as far as tokens came; the rest is what was
// planned for cache, state and scratch, and the program itself: its code, tokenizer and text, about 20 to 60 MB.
struct MemoryOutcome {
  MemoryBytes planned{};
  int64_t resident = 0, weights_resident = 0;  // bytes; 0: not known
  bool as_planned = true;                      // nothing is resident that was not planned, but for the program
};
// From /proc/self/smaps (proc_pid_smaps(5)), which lists each mapping; takes about a millisecond.
MemoryOutcome memory_of(const Env& env, const Engine& engine);

// "memory 493.1 MiB planned, 481.0 MiB resident, weights 463.0 of 463.0 MiB".
std::string to_line(const MemoryOutcome& outcome);

}  // namespace lupo
