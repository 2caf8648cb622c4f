// norm: RMS norm (Zhang & Sennrich 2019, arXiv 1910.07467) and layer norm (Ba et al. 2016, arXiv 1607.06450).
#include <cmath>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  const auto& norm = std::get<NormAttrs>(node.attrs);
  TRY(check_rows("norm", graph, node.in[0], 0));
  TRY(check_vector("norm", graph, node.in[1], norm.width));
  TRY(check_vector("norm", graph, node.in[2], norm.width));
  const Shape& x = graph[node.in[0]].shape;
  if (norm.width < 1 || x.dim[0] % norm.width != 0)
    return bad_operand("norm", graph, node.in[0], fmt::format("a multiple of {} wide", norm.width));
  return x;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  return {.flops = 4.0 * static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs))};
}

void reference(const Execution& run, const Node& node) {
  const auto& norm = std::get<NormAttrs>(node.attrs);
  const float *x = run.f32(node.in[0]), *weight = run.f32(node.in[1]), *bias = run.f32(node.in[2]);
  float* out = run.f32(node.out);
  const int64_t width = norm.width, n_groups = run.elements(node.out) / width;
  for (int64_t g = 0; g < n_groups; ++g, x += width, out += width) {
    double mean = 0, squares = 0;
    if (!norm.rms) {
      for (int64_t i = 0; i < width; ++i) mean += x[i];
      mean /= static_cast<double>(width);
    }
    for (int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + static_cast<double>(norm.eps));
    for (int64_t i = 0; i < width; ++i) {
      const double scaled = (x[i] - mean) * inverse * (weight ? static_cast<double>(weight[i]) : 1.0);
      out[i] = static_cast<float>(scaled + (bias ? static_cast<double>(bias[i]) : 0.0));
    }
  }
}

}  // namespace

const OpInfo norm_op{"norm", infer, cost, reference};

}  // namespace lupo
