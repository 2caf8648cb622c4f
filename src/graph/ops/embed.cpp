// embed: rows of a table by token id; select: rows of a batch by index.
#include <cstring>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer_embed(const Graph& graph, const Node& node) {
  const Shape& table = graph[node.in[0]].shape;
  return Shape{{table.dim[0], kTokens, 1, 1}};
}

Cost cost_embed(const Graph& graph, const Node& node, int64_t n_tokens, int64_t, int64_t) {
  const Tensor& table = graph[node.in[0]];
  return {.weight_bytes = static_cast<double>(n_tokens * row_bytes(table.type, table.shape.dim[0]))};
}

void reference_embed(const Execution& run, const Node& node) {
  const Tensor& table = run.graph[node.in[0]];
  const int64_t width = table.shape.dim[0];  // C
  const float scale = std::get<EmbedAttrs>(node.attrs).scale;
  const int32_t* ids = node.in[1] == kNone ? nullptr : run.i32(node.in[1]);  // [T]
  float* out = run.f32(node.out);                                            // [C, T]
  for (int64_t t = 0; t < run.n_tokens(); ++t) {
    type_info(table.type)
        .to_float(run.bytes(node.in[0]) + (ids ? ids[t] : 0) * row_bytes(table.type, width), out + t * width, width);
    for (int64_t c = 0; c < width; ++c) out[t * width + c] *= scale;
  }
}

Result<Shape> infer_select(const Graph& graph, const Node& node) {
  TRY(check_rows("select", graph, node.in[0], 0));
  return Shape{{graph[node.in[0]].shape.dim[0], kOutputs, 1, 1}};
}

Cost cost_select(const Graph&, const Node&, int64_t, int64_t, int64_t) { return {}; }

void reference_select(const Execution& run, const Node& node) {
  const int64_t width = run.graph[node.in[0]].shape.dim[0];
  const int32_t* rows = run.i32(node.in[1]);  // [O]
  for (int64_t o = 0; o < run.n_outputs(); ++o)
    std::memcpy(run.f32(node.out) + o * width, run.f32(node.in[0]) + rows[o] * width, static_cast<size_t>(width) * sizeof(float));
}

}  // namespace

const OpInfo embed_op{"embed", infer_embed, cost_embed, reference_embed};
const OpInfo select_op{"select", infer_select, cost_select, reference_select};

}  // namespace lupo
