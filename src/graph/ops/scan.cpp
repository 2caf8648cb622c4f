// scan: the selective state space of Mamba (arXiv 2312.00752) and Mamba 2 (arXiv 2405.21060).
#include <cmath>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  if (scan.n_head < 1 || scan.head_dim < 1 || scan.n_group < 1 || scan.n_head % scan.n_group != 0)
    return bad_operand("scan", graph, node.in[0], fmt::format("{} heads in {} groups", scan.n_head, scan.n_group));
  TRY(check_rows("scan", graph, node.in[0], scan.n_head * scan.head_dim));
  TRY(check_rows("scan", graph, node.in[1], scan.n_head));
  const int64_t n_state = graph[node.in[6]].shape.dim[0];
  TRY(check_shape("scan", graph, node.in[2], {{graph[node.in[2]].shape.dim[0] == 1 ? 1 : n_state, scan.n_head, 1, 1}}));
  TRY(check_rows("scan", graph, node.in[3], n_state * scan.n_group));
  TRY(check_rows("scan", graph, node.in[4], n_state * scan.n_group));
  if (const Tensor& d = graph[node.in[5]]; d.type != Type::f32 || d.shape.elements(0, 0) != scan.n_head)
    return bad_operand("scan", graph, node.in[5], fmt::format("{} values of F32", scan.n_head));
  TRY(check_shape("scan", graph, node.in[6], {{n_state, scan.head_dim, scan.n_head, graph.n_fixed()}}));
  return graph[node.in[0]].shape;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  const double values = static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs)),
               n_state = static_cast<double>(graph[node.in[6]].shape.dim[0]);
  return {.flops = 5 * values * n_state,
          .weight_bytes = static_cast<double>(graph.bytes_max(node.in[2])),
          .state_bytes = state_traffic(graph, node.in[6])};
}

// One token of head h.
void step(const Execution& run, const Node& node, int64_t token, int64_t h, float* state) {
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  const int64_t n_state = run.graph[node.in[6]].shape.dim[0], n_a = run.graph[node.in[2]].shape.dim[0],
                g = h / (scan.n_head / scan.n_group);
  const float* x = run.f32(node.in[0]) + (token * scan.n_head + h) * scan.head_dim;  // [P]
  const double dt = run.f32(node.in[1])[token * scan.n_head + h], d = run.f32(node.in[5])[h];
  const float* a = run.f32(node.in[2]) + h * n_a;                               // [1] or [N]
  const float* b = run.f32(node.in[3]) + (token * scan.n_group + g) * n_state;  // [N]
  const float* c = run.f32(node.in[4]) + (token * scan.n_group + g) * n_state;  // [N]
  float* out = run.f32(node.out) + (token * scan.n_head + h) * scan.head_dim;   // [P]
  for (int64_t p = 0; p < scan.head_dim; ++p, state += n_state) {
    double sum = d * x[p];
    for (int64_t n = 0; n < n_state; ++n) {
      const double next = std::exp(dt * a[n_a == 1 ? 0 : n]) * state[n] + dt * x[p] * b[n];
      state[n] = static_cast<float>(next);
      sum += next * c[n];
    }
    out[p] = static_cast<float>(sum);
  }
}

void reference(const Execution& run, const Node& node) {
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  const int64_t n_state = run.graph[node.in[6]].shape.dim[0];
  int64_t token = 0;
  for (const StepSequence& sequence : run.step.sequences) {
    float* state = state_of(run, node.in[6], sequence);  // [N, P, H]
    for (int64_t end = token + sequence.n_tokens; token < end; ++token)
      for (int64_t h = 0; h < scan.n_head; ++h) step(run, node, token, h, state + h * scan.head_dim * n_state);
  }
}

}  // namespace

const OpInfo scan_op{"scan", infer, cost, reference};

}  // namespace lupo
