// delta: the gated delta rule (Yang et al. 2024, arXiv 2412.06464).
#include <cmath>
#include <vector>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  const auto& delta = std::get<DeltaAttrs>(node.attrs);
  if (delta.n_key_head < 1 || delta.n_head < 1 || delta.n_head % delta.n_key_head != 0)
    return bad_operand("delta", graph, node.in[0],
                       fmt::format("{} value heads as a multiple of {} key heads", delta.n_head, delta.n_key_head));
  const Shape& state = graph[node.in[5]].shape;  // [Dk, Dv, n_head, R]
  TRY(check_rows("delta", graph, node.in[0], state.dim[0] * delta.n_key_head));
  TRY(check_rows("delta", graph, node.in[1], state.dim[0] * delta.n_key_head));
  TRY(check_rows("delta", graph, node.in[2], state.dim[1] * delta.n_head));
  TRY(check_rows("delta", graph, node.in[3], delta.n_head));
  TRY(check_rows("delta", graph, node.in[4], delta.n_head));
  TRY(check_shape("delta", graph, node.in[5], {{state.dim[0], state.dim[1], delta.n_head, graph.n_fixed()}}));
  return graph[node.in[2]].shape;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  const double values = static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs)),
               key_dim = static_cast<double>(graph[node.in[5]].shape.dim[0]);
  return {.flops = 7 * values * key_dim, .state_bytes = state_traffic(graph, node.in[5])};
}

// One token of value head h.
void step(const Execution& run, const Node& node, int64_t token, int64_t h, float* state) {
  const auto& delta = std::get<DeltaAttrs>(node.attrs);
  const int64_t key_dim = run.graph[node.in[5]].shape.dim[0], value_dim = run.graph[node.in[5]].shape.dim[1];
  const int64_t key_head = delta_key_head(delta, h);
  const float* q = run.f32(node.in[0]) + (token * delta.n_key_head + key_head) * key_dim;  // [Dk]
  const float* k = run.f32(node.in[1]) + (token * delta.n_key_head + key_head) * key_dim;  // [Dk]
  const float* v = run.f32(node.in[2]) + (token * delta.n_head + h) * value_dim;           // [Dv]
  const double decay = std::exp(static_cast<double>(run.f32(node.in[3])[token * delta.n_head + h]));
  const double beta = run.f32(node.in[4])[token * delta.n_head + h];
  float* out = run.f32(node.out) + (token * delta.n_head + h) * value_dim;  // [Dv]
  for (int64_t j = 0; j < value_dim; ++j, state += key_dim) {
    double read = 0, sum = 0;
    for (int64_t i = 0; i < key_dim; ++i) read += decay * state[i] * k[i];
    for (int64_t i = 0; i < key_dim; ++i) {
      const double next = decay * state[i] + k[i] * beta * (v[j] - read);
      state[i] = static_cast<float>(next);
      sum += next * q[i];
    }
    out[j] = static_cast<float>(sum);
  }
}

void reference(const Execution& run, const Node& node) {
  const auto& delta = std::get<DeltaAttrs>(node.attrs);
  const Shape& shape = run.graph[node.in[5]].shape;
  int64_t token = 0;
  for (const StepSequence& sequence : run.step.sequences) {
    float* state = state_of(run, node.in[5], sequence);  // [Dk, Dv, n_head]
    for (int64_t end = token + sequence.n_tokens; token < end; ++token)
      for (int64_t h = 0; h < delta.n_head; ++h) step(run, node, token, h, state + h * shape.dim[0] * shape.dim[1]);
  }
}

}  // namespace

int64_t delta_key_head(const DeltaAttrs& delta, int64_t head) {
  return delta.tiled ? head % delta.n_key_head : head / (delta.n_head / delta.n_key_head);
}

const OpInfo delta_op{"delta", infer, cost, reference};

}  // namespace lupo
