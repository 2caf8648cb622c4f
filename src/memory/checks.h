// What the memory layer notices of a plan. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"
#include "hardware/machine.h"
#include "memory/plan.h"

namespace lupo {

struct MemoryUse {
  MemoryBytes bytes;
  int64_t reserve_bytes = 0;
  bool fits = true;
  std::string fitting_flags;  // flags with which it would fit, "" = none would
  int64_t n_ctx = 0, n_ctx_train = 0;
  bool ctx_asked = false;       // the user chose n_ctx
  int64_t bytes_per_token = 0;  // weights read for a decoded token
  double kv_bits = 16;          // of a cached value
  // Relative gain of decode speed with a full cache of q8_0, predicted by planning again; 0 = not known.
  double q8_cache_gain = 0;
  // Of the last answers of this model: how many, and tokens of the longest. The context that would have done for them, and what
  // it would free, planned; 0: hardly less would do.
  int64_t n_answers = 0, n_used_max = 0;
  int64_t n_ctx_enough = 0, freed_bytes = 0;
  // Of the run: what came from the disk although it had been read, and the gain if it had not.
  int64_t major_faults = 0, disk_bytes = 0;
  double undisturbed_gain = 0;
};

// Codes: does-not-fit, swapping, memory-tight, context-cut, context-unused, cache-heavy, reread-from-disk. `model` is for the
// commands.
std::vector<Finding> check_memory(const Machine& machine, const MemoryUse& use, const std::string& model);

}  // namespace lupo
