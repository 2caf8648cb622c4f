// How fast a graph will run, before it runs: measured speeds of this machine's kernels over the graph's own bytes and operations.
//
//   a step, s = Σ_linear max(weight bytes / GB/s(type), operations / GFLOP/s(type, tokens))
//             + Σ_attend max(cache bytes / its GB/s, operations / its GFLOP/s)
//             + values of norms and glus · row seconds + nodes that synchronise · node seconds
//
// The rates of a prompt are those of a traced block (measure_block), so that no part's time hides in another's: the quantization
// of a row belongs to the norm or glu before it, as it runs. All functions are pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/interval.h"
#include "doctor/calibration.h"

namespace lupo {

// Types without a measured kernel count as the slowest of those that have one, shapes of attention likewise.
double decode_seconds(const Graph& graph, const Calibration& calibration, int64_t depth, int64_t n_seq = 1);  // a token of each
double prefill_seconds(const Graph& graph, const Calibration& calibration, int64_t n, int64_t depth = 0);     // n tokens of one

// Of predictions from a calibration, before any run was seen: what was found on models held out, and the machine's own noise.
struct Spreads {
  Spread decode, prefill;
};
Spreads spreads_of(const Calibration& calibration);

struct SpeedAt {
  int64_t n = 0;  // tokens in the context (decode), of the prompt (prefill)
  Interval tps;   // tokens a second
};
struct Prediction {
  std::vector<SpeedAt> decode;
  std::vector<SpeedAt> prefill;  // from an empty context
};
// At these numbers of tokens, those beyond the graph's context left out.
Prediction predict(const Graph& graph, const Calibration& calibration, const Spreads& spreads, const std::vector<int64_t>& depths,
                   const std::vector<int64_t>& prompts);
// 64, 1024, 2048, 4096, … and the context's last.
std::vector<int64_t> curve_of(int64_t n_ctx);

}  // namespace lupo
