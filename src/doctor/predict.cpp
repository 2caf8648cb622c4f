#include "doctor/predict.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/op.h"
#include "hardware/bandwidth.h"
#include "runtime/kernel_speed.h"

namespace lupo {
namespace {

// Of models held out (tests/real/predict_real_test.cpp), on a machine at rest.
constexpr double kDecodeDeviation = 0.08, kPrefillDeviation = 0.10;

bool has_fixed_state(Op op) { return op == Op::conv || op == Op::scan || op == Op::delta; }
bool has_weights(Op op) { return op == Op::linear || op == Op::linear_heads || op == Op::moe; }
bool synchronises(Op op) { return has_weights(op) || op == Op::attend || op == Op::glu || has_fixed_state(op); }

double per_second(double amount, double giga_rate) { return giga_rate > 0 ? amount / (giga_rate * 1e9) : 0; }

// The kernel of a type, or the slowest there is.
KernelSpeed kernel_of(const Calibration& calibration, Type type) {
  if (const auto found = calibration.kernels.find(type); found != calibration.kernels.end()) return found->second;
  KernelSpeed slowest{.decode_gbps = 1e9, .short_gflops = 1e9, .prefill_gflops = 1e9};
  for (const auto& [known, speed] : calibration.kernels) {
    slowest.decode_gbps = std::min(slowest.decode_gbps, speed.decode_gbps);
    slowest.short_gflops = std::min(slowest.short_gflops, speed.short_gflops);
    slowest.prefill_gflops = std::min(slowest.prefill_gflops, speed.prefill_gflops);
  }
  return slowest;
}

AttendSpeed attend_of(const Graph& graph, const Node& node, const Calibration& calibration) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  const Type k_type = node.in[3] == kNone ? Type::f16 : graph[node.in[3]].type;
  if (const auto found = calibration.attends.find({at.n_head, at.n_kv_head, at.head_dim, at.head_dim_v, k_type});
      found != calibration.attends.end())
    return found->second;
  AttendSpeed slowest{1e9, 1e9};
  for (const auto& [shape, speed] : calibration.attends) {
    slowest.decode_gbps = std::min(slowest.decode_gbps, speed.decode_gbps);
    slowest.prefill_gflops = std::min(slowest.prefill_gflops, speed.prefill_gflops);
  }
  return slowest;
}

// Of a linear, or of a mixture of experts by the type of its first matrices.
double weight_seconds(const Graph& graph, const Node& node, const Cost& cost, const Calibration& calibration, int64_t n_tokens) {
  const KernelSpeed kernel = kernel_of(calibration, graph[node.in[node.op() == Op::moe ? kMoeMatrices.front() : 0]].type);
  const double reading = per_second(cost.weight_bytes, kernel.decode_gbps);
  const double computing = per_second(cost.flops, n_tokens <= kShortOfStep ? kernel.short_gflops : kernel.prefill_gflops);
  // One token is as fast as its weights are read; panels of many are computed at a rate of their own, however fast one reads.
  const double seconds = n_tokens == 1 ? reading : n_tokens < kFewOfStep ? std::max(reading, computing) : computing;
  return seconds + kernel.node_seconds;
}

// A step of n_seq sequences of n_tokens each, at a depth.
double step_seconds(const Graph& graph, const Calibration& calibration, int64_t n_seq, int64_t n_tokens, int64_t depth) {
  double seconds = 0;
  const int64_t n_all = n_seq * n_tokens;
  for (const Node& node : graph.nodes) {
    // What belongs to a sequence alone, its cells or its state, and what all tokens of the step share.
    const bool is_own = node.op() == Op::attend || has_fixed_state(node.op());
    const Cost cost = op_info(node.op()).cost(graph, node, is_own ? n_tokens : n_all, n_seq, depth);
    // What a matrix costs beside its bytes is measured with its type.
    if (synchronises(node.op()) && !has_weights(node.op())) seconds += calibration.node_seconds;
    if (has_weights(node.op())) {
      // The head is computed for the last token of each alone.
      const bool is_of_outputs = graph[node.out].shape.dim[1] == kOutputs;
      seconds += weight_seconds(graph, node, cost, calibration, is_of_outputs ? n_seq : n_all);
    }
    if (node.op() == Op::attend) {
      const AttendSpeed speed = attend_of(graph, node, calibration);
      const double reading = per_second(cost.state_bytes, speed.decode_gbps),
                   computing = per_second(cost.flops, speed.prefill_gflops);
      seconds += static_cast<double>(n_seq) * (n_tokens < kFewOfStep ? reading : computing);
    }
    // A state is read and written; its products are rows', of vectors, not of matrices.
    if (has_fixed_state(node.op()))
      seconds += static_cast<double>(n_seq) *
                 std::max(per_second(cost.state_bytes, calibration.read_gbps), cost.flops / 8 * calibration.row_seconds);
    if (node.op() == Op::norm || node.op() == Op::glu)
      seconds += calibration.row_seconds * static_cast<double>(graph[node.out].shape.elements(n_all, n_seq));
  }
  return seconds;
}

}  // namespace

double decode_seconds(const Graph& graph, const Calibration& calibration, int64_t depth, int64_t n_seq) {
  return step_seconds(graph, calibration, n_seq, 1, depth);
}

double prefill_seconds(const Graph& graph, const Calibration& calibration, int64_t n, int64_t depth) {
  double seconds = 0;
  for (int64_t at = 0; at < n; at += graph.n_batch)
    seconds += step_seconds(graph, calibration, 1, std::min(graph.n_batch, n - at), depth + at);
  return seconds;
}

Spreads spreads_of(const Calibration& calibration) {
  return {.decode = {0, std::hypot(kDecodeDeviation, calibration.noise)},
          .prefill = {0, std::hypot(kPrefillDeviation, calibration.noise)}};
}

Prediction predict(const Graph& graph, const Calibration& calibration, const Spreads& spreads, const std::vector<int64_t>& depths,
                   const std::vector<int64_t>& prompts) {
  Prediction prediction;
  for (int64_t depth : depths) {
    if (depth >= graph.n_ctx) continue;
    const double seconds = decode_seconds(graph, calibration, depth);
    if (seconds > 0) prediction.decode.push_back({depth, interval_of(1 / seconds, spreads.decode)});
  }
  for (int64_t n : prompts) {
    if (n > graph.n_ctx) continue;
    const double seconds = prefill_seconds(graph, calibration, n);
    if (seconds > 0) prediction.prefill.push_back({n, interval_of(static_cast<double>(n) / seconds, spreads.prefill)});
  }
  return prediction;
}

std::vector<int64_t> curve_of(int64_t n_ctx) {
  std::vector<int64_t> points;
  if (n_ctx > 64) points.push_back(64);
  for (int64_t n = 1024; n < n_ctx; n *= 2) points.push_back(n);
  points.push_back(n_ctx - 1);
  return points;
}

}  // namespace lupo
