// mix and match: parallel streams of a row (AltUp); sparsify: the upper tail of a row.
#include <algorithm>
#include <cmath>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer_mix(const Graph& graph, const Node& node) {
  const int64_t n_in = std::get<MixAttrs>(node.attrs).n_in;
  TRY(check_rows("mix", graph, node.in[0], 0));
  TRY(check_rows("mix", graph, node.in[1], 0));
  const Shape &x = graph[node.in[0]].shape, &weights = graph[node.in[1]].shape;
  if (n_in < 1 || x.dim[0] % n_in != 0) return bad_operand("mix", graph, node.in[0], fmt::format("{} streams", n_in));
  if (weights.dim[0] % n_in != 0 || weights.dim[1] != x.dim[1])
    return bad_operand("mix", graph, node.in[1], fmt::format("weights of {} streams for the rows of {}", n_in, to_string(x)));
  return Shape{{weights.dim[0] / n_in * (x.dim[0] / n_in), x.dim[1], 1, 1}};
}

Result<Shape> infer_match(const Graph& graph, const Node& node) {
  TRY(check_rows("match", graph, node.in[0], 0));
  TRY(check_rows("match", graph, node.in[1], 0));
  const Shape &a = graph[node.in[0]].shape, &x = graph[node.in[1]].shape;
  if (a.dim[0] % x.dim[0] != 0 || a.dim[1] != x.dim[1])
    return bad_operand("match", graph, node.in[0], fmt::format("groups of {} in the rows of {}", x.dim[0], to_string(x)));
  return a;
}

Result<Shape> infer_sparsify(const Graph& graph, const Node& node) {
  TRY(check_rows("sparsify", graph, node.in[0], 0));
  return graph[node.in[0]].shape;
}

Cost cost_mix(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  const double n_in = static_cast<double>(std::get<MixAttrs>(node.attrs).n_in);
  return {.flops = 2 * n_in * static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs))};
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  return {.flops = 4.0 * static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs))};
}

// A row of an operand, and its width.
const float* row_of(const Execution& run, TensorId id, int64_t row) { return run.f32(id) + row * run.graph[id].shape.dim[0]; }
int64_t width(const Execution& run, TensorId id) { return run.graph[id].shape.dim[0]; }

void reference_mix(const Execution& run, const Node& node) {
  for (int64_t row = 0; row < run.rows(node.out); ++row)
    mix_row(std::get<MixAttrs>(node.attrs), width(run, node.in[0]), width(run, node.in[1]), row_of(run, node.in[0], row),
            row_of(run, node.in[1], row), run.f32(node.out) + row * width(run, node.out));
}

void reference_match(const Execution& run, const Node& node) {
  for (int64_t row = 0; row < run.rows(node.out); ++row)
    match_row(width(run, node.in[0]), width(run, node.in[1]), row_of(run, node.in[0], row), row_of(run, node.in[1], row),
              run.f32(node.out) + row * width(run, node.out));
}

void reference_sparsify(const Execution& run, const Node& node) {
  for (int64_t row = 0; row < run.rows(node.out); ++row)
    sparsify_row(std::get<SparsifyAttrs>(node.attrs).deviations, width(run, node.out), row_of(run, node.in[0], row),
                 run.f32(node.out) + row * width(run, node.out));
}

double mean_square(const float* x, int64_t n, double mean) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += (x[i] - mean) * (x[i] - mean);
  return sum / static_cast<double>(n);
}

}  // namespace

void mix_row(const MixAttrs& mix, int64_t n_x, int64_t n_weights, const float* x, const float* weights, float* out) {
  const int64_t n_in = mix.n_in, n_out = n_weights / n_in, width = n_x / n_in;
  for (int64_t i = 0; i < n_out; ++i)
    for (int64_t c = 0; c < width; ++c) {
      double sum = 0;
      for (int64_t j = 0; j < n_in; ++j) sum += (static_cast<double>(weights[i * n_in + j]) + mix.offset) * x[j * width + c];
      out[i * width + c] = static_cast<float>(sum);
    }
}

void match_row(int64_t n_a, int64_t n_x, const float* a, const float* x, float* out) {
  const double wanted = mean_square(x, n_x, 0);
  for (int64_t at = 0; at < n_a; at += n_x) {
    const double factor = std::sqrt(wanted / std::max(mean_square(a + at, n_x, 0), kMatchMin));
    for (int64_t c = at; c < at + n_x; ++c) out[c] = static_cast<float>(a[c] * factor);
  }
}

void sparsify_row(float deviations, int64_t n, const float* x, float* out) {
  double mean = 0;
  for (int64_t i = 0; i < n; ++i) mean += x[i];
  mean /= static_cast<double>(n);
  // The deviation of a sample: the sum of squares over n − 1.
  const double sample = n > 1 ? static_cast<double>(n) / static_cast<double>(n - 1) : 1;
  const double threshold = mean + deviations * std::sqrt(mean_square(x, n, mean) * sample);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(std::max(0.0, x[i] - threshold));
}

const OpInfo mix_op{"mix", infer_mix, cost_mix, reference_mix};
const OpInfo match_op{"match", infer_match, cost, reference_match};
const OpInfo sparsify_op{"sparsify", infer_sparsify, cost, reference_sparsify};

}  // namespace lupo
