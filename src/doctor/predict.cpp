#include "doctor/predict.h"

#include <algorithm>

#include "graph/ops/op.h"
#include "hardware/bandwidth.h"

namespace lupo {
namespace {

bool has_fixed_state(Op op) { return op == Op::conv || op == Op::scan || op == Op::delta; }
bool has_weights(Op op) { return op == Op::linear || op == Op::linear_heads || op == Op::moe; }
bool synchronises(Op op) { return has_weights(op) || op == Op::attend || op == Op::glu || has_fixed_state(op); }

// The kernel of a type, or the slowest there is.
KernelSpeed kernel_of(const Calibration& calibration, Type type) {
  if (const auto found = calibration.kernels.find(type); found != calibration.kernels.end()) return found->second;
  KernelSpeed slowest{1e9, 1e9};
  for (const auto& [known, speed] : calibration.kernels) {
    slowest.decode_gbps = std::min(slowest.decode_gbps, speed.decode_gbps);
    slowest.prefill_gflops = std::min(slowest.prefill_gflops, speed.prefill_gflops);
  }
  return slowest;
}

double per_second(double amount, double giga_rate) { return giga_rate > 0 ? amount / (giga_rate * 1e9) : 0; }

// Of a linear, or of a mixture of experts by the type of its first matrices.
double weight_seconds(const Graph& graph, const Node& node, const Cost& cost, const Calibration& calibration) {
  const KernelSpeed kernel = kernel_of(calibration, graph[node.in[node.op() == Op::moe ? kMoeMatrices.front() : 0]].type);
  // Weights must be read and multiplied; whichever takes longer.
  return std::max(per_second(cost.weight_bytes, kernel.decode_gbps), per_second(cost.flops, kernel.prefill_gflops));
}

// A step of n_tokens at a depth, in seconds.
double step_seconds(const Graph& graph, const Calibration& calibration, int64_t n_tokens, int64_t depth) {
  double seconds = 0;
  for (const Node& node : graph.nodes) {
    const Cost cost = op_info(node.op()).cost(graph, node, n_tokens, 1, depth);
    if (synchronises(node.op())) seconds += calibration.node_seconds;
    if (has_weights(node.op())) seconds += weight_seconds(graph, node, cost, calibration);
    if (node.op() == Op::attend)
      seconds +=
          std::max(per_second(cost.state_bytes, calibration.read_gbps / 2), per_second(cost.flops, calibration.attend_gflops));
    // A state is read and written; its products are rows', of vectors, not of matrices.
    if (has_fixed_state(node.op()))
      seconds += std::max(per_second(cost.state_bytes, calibration.read_gbps), cost.flops / 8 * calibration.row_seconds);
    if (node.op() == Op::norm || node.op() == Op::glu)
      seconds += calibration.row_seconds * static_cast<double>(graph[node.out].shape.elements(n_tokens, 1));
  }
  return seconds;
}

// The attention that most layers have is that of the first; nothing when there is none.
const AttendAttrs* attention_of(const Graph& graph) {
  for (const Node& node : graph.nodes)
    if (const auto* attrs = std::get_if<AttendAttrs>(&node.attrs)) return attrs;
  return nullptr;
}

}  // namespace

std::map<Type, int64_t> matrix_bytes_by_type(const Graph& graph) {
  std::map<Type, int64_t> bytes;
  for (const Node& node : graph.nodes) {
    if (node.op() == Op::linear || node.op() == Op::linear_heads) bytes[graph[node.in[0]].type] += graph.bytes_max(node.in[0]);
    const auto* moe = std::get_if<MoeAttrs>(&node.attrs);
    if (moe == nullptr) continue;
    for (size_t i : kMoeMatrices)
      if (node.in[i] != kNone) bytes[graph[node.in[i]].type] += graph.bytes_max(node.in[i]) * moe->n_used / moe->n_expert;
  }
  return bytes;
}

Result<Calibration> calibrate(const Machine& machine, const Graph& graph, int n_threads) {
  Calibration calibration{.n_threads = n_threads};
  const int64_t buffer = bandwidth_buffer_bytes(machine);
  calibration.read_gbps = measure_read_gbps(n_threads, 0.2, buffer);
  const std::map<Type, int64_t> bytes = matrix_bytes_by_type(graph);
  int64_t total = 0;
  for (const auto& [type, n] : bytes) total += n;
  const int64_t matrix = std::clamp(2 * machine.cpu.l3_bytes, int64_t{32} << 20, std::max(int64_t{32} << 20, buffer / 2));
  const AttendAttrs plain{.n_head = 1, .n_kv_head = 1, .head_dim = 64, .head_dim_v = 64, .scale = 0.125f};
  const AttendAttrs* heads = attention_of(graph);
  int64_t most = 0;  // bytes of the type that attention and rows were measured with
  for (const auto& [type, n] : bytes) {
    if (n * 50 < total) continue;
    KernelSpeed& kernel = calibration.kernels[type];
    TRY_ASSIGN(kernel.decode_gbps, measure_decode_gbps(type, n_threads, matrix));
    TRY_ASSIGN(const BlockSpeed block, measure_block(type, heads != nullptr ? *heads : plain, n_threads));
    kernel.prefill_gflops = block.linear_gflops;
    if (n <= most) continue;
    most = n;
    calibration.attend_gflops = block.attend_gflops;
    calibration.row_seconds = block.row_seconds;
  }
  TRY_ASSIGN(calibration.node_seconds, measure_node_seconds(n_threads));
  return calibration;
}

Prediction predict(const Graph& graph, const Calibration& calibration, int64_t decode_depth, int64_t prefill_n) {
  Prediction prediction{.decode_depth = decode_depth, .prefill_n = prefill_n};
  const double decode = step_seconds(graph, calibration, 1, decode_depth);
  double prefill = 0;
  for (int64_t at = 0; at < prefill_n; at += graph.n_batch)
    prefill += step_seconds(graph, calibration, std::min(graph.n_batch, prefill_n - at), at);
  if (decode > 0) prediction.decode_tps = 1 / decode;
  if (prefill > 0) prediction.prefill_tps = static_cast<double>(prefill_n) / prefill;
  return prediction;
}

}  // namespace lupo
