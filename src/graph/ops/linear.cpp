// linear: out = scale · W · x + bias, the weight in any type that decodes to numbers.
#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  const Shape& weight = graph[node.in[0]].shape;  // [K, F]
  TRY(check_rows("linear", graph, node.in[1], weight.dim[0]));
  TRY(check_vector("linear", graph, node.in[2], weight.dim[1]));
  TRY(check_vector("linear", graph, node.in[3], 1));
  return Shape{{weight.dim[1], graph[node.in[1]].shape.dim[1], 1, 1}};
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  const Tensor& weight = graph[node.in[0]];
  const int64_t rows = graph[node.out].shape.rows(n_tokens, n_outputs);
  if (rows == 0) return {};
  return {.flops = 2.0 * static_cast<double>(weight.shape.dim[0]) * static_cast<double>(weight.shape.dim[1]) *
                   static_cast<double>(rows),
          .weight_bytes = static_cast<double>(weight.shape.dim[1] * row_bytes(weight.type, weight.shape.dim[0]))};
}

void reference(const Execution& run, const Node& node) {
  const Tensor& weight = run.graph[node.in[0]];
  const int64_t n_in = weight.shape.dim[0], n_out = weight.shape.dim[1], n_rows = run.rows(node.out);  // K, F, T or O
  const float *x = run.f32(node.in[1]), *bias = run.f32(node.in[2]);                                   // [K, T], [F]
  const double scale = node.in[3] == kNone ? 1 : *run.f32(node.in[3]);
  float* out = run.f32(node.out);                     // [F, T]
  std::vector<float> row(static_cast<size_t>(n_in));  // [K]
  for (int64_t f = 0; f < n_out; ++f) {
    type_info(weight.type).to_float(run.bytes(node.in[0]) + f * row_bytes(weight.type, n_in), row.data(), n_in);
    for (int64_t t = 0; t < n_rows; ++t) {
      double sum = 0;
      for (int64_t k = 0; k < n_in; ++k)
        sum += static_cast<double>(row[static_cast<size_t>(k)]) * static_cast<double>(x[t * n_in + k]);
      out[t * n_out + f] = static_cast<float>(scale * sum + (bias ? bias[f] : 0));
    }
  }
}

}  // namespace

const OpInfo linear_op{"linear", infer, cost, reference};

}  // namespace lupo
