// conv: depthwise causal convolution over time, as in Mamba (arXiv 2312.00752) and in short-convolution models (arXiv
// 2511.23404).
#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer(const Graph& graph, const Node& node) {
  TRY(check_rows("conv", graph, node.in[0], 0));
  const Shape& x = graph[node.in[0]].shape;
  const int64_t n_channels = x.dim[0], width = graph[node.in[1]].shape.dim[0];
  if (width < 2 || width > kConvWidthMax)
    return bad_operand("conv", graph, node.in[1], fmt::format("a width of 2 to {}", kConvWidthMax));
  TRY(check_shape("conv", graph, node.in[1], {{width, n_channels, 1, 1}}));
  TRY(check_vector("conv", graph, node.in[2], n_channels));
  TRY(check_shape("conv", graph, node.in[3], {{n_channels, width - 1, 1, graph.n_fixed()}}));
  return x;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  const Shape& weight = graph[node.in[1]].shape;  // [K, C]
  return {.flops = 2.0 * static_cast<double>(weight.dim[0] * graph[node.out].shape.elements(n_tokens, n_outputs)),
          .weight_bytes = static_cast<double>(graph.bytes_max(node.in[1])),
          .state_bytes = state_traffic(graph, node.in[3])};
}

void reference(const Execution& run, const Node& node) {
  const float *x = run.f32(node.in[0]), *weight = run.f32(node.in[1]), *bias = run.f32(node.in[2]);  // [C, T], [K, C], [C]
  float* out = run.f32(node.out);                                                                    // [C, T]
  const int64_t width = run.graph[node.in[1]].shape.dim[0], n_channels = run.graph[node.in[1]].shape.dim[1];
  for (const StepSequence& sequence : run.step.sequences) {
    float* state = state_of(run, node.in[3], sequence);  // [C, K−1]
    for (int64_t t = 0; t < sequence.n_tokens; ++t, x += n_channels, out += n_channels) {
      for (int64_t c = 0; c < n_channels; ++c) {
        double sum = bias ? bias[c] : 0;
        for (int64_t j = 0; j < width; ++j)
          sum +=
              static_cast<double>(weight[c * width + j]) * static_cast<double>(j + 1 < width ? state[j * n_channels + c] : x[c]);
        out[c] = static_cast<float>(sum);
      }
      std::copy(state + n_channels, state + (width - 1) * n_channels, state);
      std::copy_n(x, n_channels, state + (width - 2) * n_channels);
    }
  }
}

}  // namespace

const OpInfo conv_op{"conv", infer, cost, reference};

}  // namespace lupo
