// How fast a graph will run, before it runs: measured speeds of this machine's kernels over the graph's own bytes and operations.
//
//   decode  s/token = Σ_type weight bytes / GB/s(type) + cache bytes / (½ · read GB/s) + rest
//   prefill s       = Σ_type operations / GFLOP/s(type) + attention operations / its GFLOP/s + rest
//   rest            = values of norms and glus · row seconds + nodes that synchronise · node seconds
//
// The rates of a prompt are those of a traced block (measure_block), so that no part's time hides in another's: the quantization
// of a row belongs to the norm or glu before it, as it runs.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "hardware/machine.h"
#include "runtime/kernel_speed.h"
#include "runtime/runtime.h"

namespace lupo {

// Of linears with weights of a type.
struct KernelSpeed {
  double decode_gbps = 0;     // 1e9 weight bytes a second, one token
  double prefill_gflops = 0;  // 1e9 operations a second, many tokens
};

// What predictions rest on: measured on the spot, or given.
struct Calibration {
  double read_gbps = 0;  // plain reads, all threads
  int n_threads = 1;
  std::map<Type, KernelSpeed> kernels{};  // of the weight types that carry the model
  double attend_gflops = 0;               // of a prompt
  double row_seconds = 0;                 // of a prompt, per value of a norm or glu
  double node_seconds = 0;
};

struct Prediction {
  double decode_tps = 0;   // one sequence, at decode_depth
  double prefill_tps = 0;  // of prefill_n tokens at depth 0
  int64_t decode_depth = 0, prefill_n = 0;
};

// Measures read bandwidth and the kernels of the types that hold at least 2 % of the graph's matrix bytes; about 0.1 s a type.
Result<Calibration> calibrate(const Machine& machine, const Graph& graph, int n_threads);

// Types without a measured kernel count as the slowest of those that have one.
Prediction predict(const Graph& graph, const Calibration& calibration, int64_t decode_depth, int64_t prefill_n);

// Matrix bytes that one decoded token reads, by type, embedding rows left out.
std::map<Type, int64_t> matrix_bytes_by_type(const Graph& graph);

}  // namespace lupo
