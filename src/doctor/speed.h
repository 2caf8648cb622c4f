// Speed of an engine: prefill and decode at a depth and a batch size, what they read, and where the time goes.
//
// Token ids are arbitrary but fixed: the time does not depend on them. All figures are medians over the repetitions. The slots
// are overwritten. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "doctor/timeline.h"
#include "runtime/roof.h"
#include "runtime/runtime.h"

namespace lupo {

// What one step reads of weights and cache and computes, with `n_seq` sequences of `n_tokens` each and `depth` cells filled.
struct StepCost {
  double weight_bytes = 0, state_bytes = 0;
  double flops = 0;                        // a multiply-add counts 2
  double coded_flops = 0, bf16_flops = 0;  // of these with weights of integer codes, and with weights of BF16
};
StepCost step_cost(const Graph& graph, int64_t n_seq, int64_t n_tokens, int64_t depth);

// What a decode of `tps` tokens a second (all `n_seq` sequences together, at a mean depth) reads.
struct DecodeTraffic {
  double weight_bytes = 0;     // of a token: those of a step / n_seq
  double bytes_per_token = 0;  // weights and cache
  double gbps = 0;             // tps · bytes_per_token / 1e9
};
DecodeTraffic decode_traffic(const Graph& graph, double tps, int64_t n_seq, int64_t depth);

// Share of the roof; 0 where the roof is not known.
double roof_fraction(double gbps, double roof_gbps);

// Seconds that the products take at the peak of what they can run on: integer codes at int8's, BF16 at its own where there is
// one, all else, attention too, at f32's. A step of up to 64 tokens has 16-bit activations (docs/ARCHITECTURE.md): two int8
// products for one that is counted here.
double peak_seconds(const StepCost& cost, const Roof& roof);

// Time of all nodes of one op and weight type.
struct OpTime {
  std::string op, type;         // "linear", "Q4_K"; "moe", "Q4_K+Q6_K"; type "" for ops without a matrix
  int64_t nodes = 0;            // run in one step
  double ms = 0;                // a step
  double gbps = 0, gflops = 0;  // 1e9 bytes of weights and states (fixed ones read and written), 1e9 operations, a second
};

// Sums over the times that a tracer collected in n_steps alike steps. A node that ran in several phases counts once; what runs
// inside another op (a rotation in an attention) is not listed.
std::vector<OpTime> sum_by_op(const Graph& graph, const std::vector<NodeTime>& times, int64_t n_steps, int64_t n_seq,
                              int64_t n_tokens, int64_t depth);

struct PrefillSpeed {
  int64_t n = 0, depth = 0;
  double tps = 0;   // prompt tokens a second
  StepCost cost{};  // of the whole prompt
  std::vector<OpTime> ops{};
  std::vector<StepTime> runs{};  // of each repetition
};

struct DecodeSpeed {
  int64_t n = 0, depth = 0, batch = 1;
  double tps = 0;  // tokens a second, all sequences together
  DecodeTraffic traffic{};
  StepCost cost{};  // of a step at the mean depth
  std::vector<OpTime> ops{};
  std::vector<StepTime> steps{};  // each, of all repetitions
};

struct SpeedOptions {
  int repetitions = 3;
  double seconds_max = 1e9;  // no further repetition, and no further token of a decode, begins after this
  bool trace = false;        // a further step fills `ops`: one batch of a prefill, or a few steps of a decode
};

// Runs one token through slot 0, which pages the weights in; seconds it took.
Result<double> warm_up(Engine& engine);

// Error {runtime, context-full} when n + depth exceed the context.
Result<PrefillSpeed> measure_prefill(Engine& engine, int64_t n, int64_t depth, const SpeedOptions& options);
// Slots 0 … batch − 1 decode together; the engine needs that many (n_seq) and as many rows of logits.
Result<DecodeSpeed> measure_decode(Engine& engine, int64_t n, int64_t depth, int64_t batch, const SpeedOptions& options);

// Read bandwidth over the model's own mapped bytes by the engine's number of threads, best of the passes in about 0.15 s, 1e9
// bytes a second: costs no memory.
double measure_weights_gbps(const Engine& engine);

}  // namespace lupo
