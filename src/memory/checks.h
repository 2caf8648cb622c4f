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
  double q8_cache_gain =
      0;  // relative gain of decode speed with a full cache of q8_0, predicted by planning again; 0 = not known
};

// Codes: does-not-fit, swapping, memory-tight, context-cut, cache-heavy. `model` is for the commands.
std::vector<Finding> check_memory(const Machine& machine, const MemoryUse& use, const std::string& model);

}  // namespace lupo
