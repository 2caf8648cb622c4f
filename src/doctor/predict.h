// How fast a graph will run, before it runs: measured kernel speeds of this machine over the graph's own bytes and operations.
//
//   decode  s/token = Σ_type weight bytes / kernel GB/s(type) + cache bytes / (½ · read GB/s) + nodes · node seconds
//   prefill s       = Σ_type operations / kernel GFLOP/s(type) + attention operations / (½ · GFLOP/s of f32) + nodes · node
//   seconds
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "hardware/machine.h"
#include "runtime/kernel_speed.h"
#include "runtime/runtime.h"

namespace lupo {

// What predictions rest on: measured on the spot, or given.
struct Calibration {
  double read_gbps = 0;  // plain reads, all threads
  int n_threads = 1;
  std::map<Type, KernelSpeed> kernels{};  // of the weight types that carry the model, and f32
  double node_seconds = 0;
};

struct Prediction {
  double decode_tps = 0;   // one sequence, at decode_depth
  double prefill_tps = 0;  // of prefill_n tokens at depth 0
  int64_t decode_depth = 0, prefill_n = 0;
};

// Measures read bandwidth and the kernels of the types that hold at least 2 % of the graph's matrix bytes; about 0.2 s a type.
Result<Calibration> calibrate(const Machine& machine, const Graph& graph, int n_threads);

// Types without a measured kernel count as the slowest of those that have one.
Prediction predict(const Graph& graph, const Calibration& calibration, int64_t decode_depth, int64_t prefill_n);

// Matrix bytes that one decoded token reads, by type, embedding rows left out.
std::map<Type, int64_t> matrix_bytes_by_type(const Graph& graph);

}  // namespace lupo
