// What would fit when a request does not: the same model with a smaller cache type or context, with exact bytes.
#pragma once

#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace lupo {

struct FitOption {
  int64_t n_ctx = 0;
  Type kv_type = Type::f16;
  int64_t total_bytes = 0;
  std::string flags;  // "--ctx 4096 --kv-type q8_0"
};

// The greatest power-of-two context for each of the present cache type, q8_0 and q4_0 that fits; empty when the weights alone do
// not.
std::vector<FitOption> what_fits(const Model& model, const Machine& machine, RuntimeOptions options, int64_t n_ctx);

// Bits a weight may have at most so that `params` of them, and `other_bytes` beside, fit in `room` bytes.
double bits_per_weight_that_fit(int64_t params, int64_t other_bytes, int64_t room);

}  // namespace lupo
