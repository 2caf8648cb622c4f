// How fast the cpu backend multiplies with a weight type on this machine: measured with a small synthetic graph, no model needed.
// Predictions rest on it.
#pragma once

#include "base/result.h"
#include "quant/type.h"

namespace lupo {

struct KernelSpeed {
  double decode_gbps = 0;     // 1e9 weight bytes a second, one token against a matrix that no cache holds
  double prefill_gflops = 0;  // 1e9 operations a second (a multiply-add counts 2), 256 tokens against a [1024, 1024] matrix
};

// Takes about 0.1 s and weight_bytes of memory; weight_bytes should be twice the last-level cache or more.
Result<KernelSpeed> measure_kernel(Type type, int n_threads, int64_t weight_bytes);

// Seconds that one more small linear node costs: dispatch and synchronisation.
Result<double> measure_node_seconds(int n_threads);

}  // namespace lupo
