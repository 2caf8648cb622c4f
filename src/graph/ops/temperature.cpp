// temperature: queries grow with their position, so that attention over long contexts stays sharp.
#include <cmath>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  TRY(check_rows("temperature", graph, node.in[0], 0));
  if (std::get<TemperatureAttrs>(node.attrs).n_ctx_orig < 1)
    return bad_operand("temperature", graph, node.in[0], "a context of the training of at least one token");
  return graph[node.in[0]].shape;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  return {.flops = static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs))};
}

void reference(const Execution& run, const Node& node) {
  const float* x = run.f32(node.in[0]);  // [W, T]
  float* out = run.f32(node.out);        // [W, T]
  const int64_t width = run.graph[node.out].shape.dim[0];
  for (int64_t i = 0; i < run.elements(node.out); ++i)
    out[i] = x[i] * temperature_of(std::get<TemperatureAttrs>(node.attrs), run.i32(node.in[1])[i / width]);
}

}  // namespace

float temperature_of(const TemperatureAttrs& temperature, int64_t position) {
  const double steps =
      std::floor(static_cast<double>(position + temperature.offset) / static_cast<double>(temperature.n_ctx_orig));
  return static_cast<float>(1 + temperature.beta * std::log1p(steps));
}

const OpInfo temperature_op{"temperature", infer, cost, reference};

}  // namespace lupo
