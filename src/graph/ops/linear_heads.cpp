// linear_heads: each head has a weight of its own, out_h = W_h · x_h. What multi-head latent attention is absorbed into.
#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  const Shape& weight = graph[node.in[0]].shape;  // [K, F, H]
  TRY(check_rows("linear_heads", graph, node.in[1], weight.dim[0] * weight.dim[2]));
  return Shape{{weight.dim[1] * weight.dim[2], graph[node.in[1]].shape.dim[1], 1, 1}};
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  const Tensor& weight = graph[node.in[0]];
  const int64_t rows = graph[node.out].shape.rows(n_tokens, n_outputs);
  if (rows == 0) return {};
  return {.flops = 2.0 * static_cast<double>(weight.shape.elements(1, 1)) * static_cast<double>(rows),
          .weight_bytes = static_cast<double>(graph.bytes_max(node.in[0]))};
}

void reference(const Execution& run, const Node& node) {
  const Tensor& weight = run.graph[node.in[0]];
  const int64_t n_in = weight.shape.dim[0], n_out = weight.shape.dim[1], n_head = weight.shape.dim[2];  // K, F, H
  const int64_t n_rows = run.rows(node.out), bytes = row_bytes(weight.type, n_in);
  const float* x = run.f32(node.in[1]);               // [K·H, T]
  float* out = run.f32(node.out);                     // [F·H, T]
  std::vector<float> row(static_cast<size_t>(n_in));  // [K]
  for (int64_t i = 0; i < n_out * n_head; ++i) {
    type_info(weight.type).to_float(run.bytes(node.in[0]) + i * bytes, row.data(), n_in);
    for (int64_t t = 0; t < n_rows; ++t) {
      const float* head = x + (t * n_head + i / n_out) * n_in;
      double sum = 0;
      for (int64_t k = 0; k < n_in; ++k) sum += static_cast<double>(row[static_cast<size_t>(k)]) * static_cast<double>(head[k]);
      out[t * n_out * n_head + i] = static_cast<float>(sum);
    }
  }
}

}  // namespace

const OpInfo linear_heads_op{"linear_heads", infer, cost, reference};

}  // namespace lupo
