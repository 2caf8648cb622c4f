// pool: one row for each sequence of the step, of all its rows, its first or its last (sentence embeddings: Reimers & Gurevych
// 2019, arXiv 1908.10084).
#include <algorithm>
#include <array>

#include "graph/ops/check.h"

namespace lupo {
namespace {

constexpr std::array<std::string_view, 5> kPoolings = {"none", "mean", "cls", "last", "rank"};

Result<Shape> infer(const Graph& graph, const Node& node) {
  TRY(check_rows("pool", graph, node.in[0], 0));
  const Pooling pooling = std::get<PoolAttrs>(node.attrs).pooling;
  if (graph[node.in[0]].shape.dim[1] != kTokens || pooling == Pooling::none || pooling == Pooling::rank)
    return bad_operand("pool", graph, node.in[0], "F32 [C, T] and a pooling of mean, cls or last");
  return Shape{{graph[node.in[0]].shape.dim[0], kOutputs, 1, 1}};
}

Cost cost(const Graph&, const Node&, int64_t, int64_t, int64_t) { return {}; }

void reference(const Execution& run, const Node& node) {
  const int64_t width = run.graph[node.in[0]].shape.dim[0];
  for (int64_t o = 0; o < run.n_outputs(); ++o)
    pool_row(std::get<PoolAttrs>(node.attrs).pooling, run.step, o, run.f32(node.in[0]), width, run.f32(node.out) + o * width);
}

}  // namespace

std::string_view pooling_name(Pooling pooling) { return kPoolings[static_cast<size_t>(pooling)]; }

std::optional<Pooling> find_pooling(std::string_view name) {
  const auto found = std::find(kPoolings.begin(), kPoolings.end(), name);
  return found == kPoolings.end() ? std::nullopt : std::optional(static_cast<Pooling>(found - kPoolings.begin()));
}

void pool_row(Pooling pooling, const Step& step, int64_t o, const float* x, int64_t width, float* out) {
  const int64_t wanted = step.outputs[static_cast<size_t>(o)];
  int64_t first = 0, n = 0;  // rows of the sequence that holds the wanted one
  for (const StepSequence& sequence : step.sequences) {
    first += n;
    n = sequence.n_tokens;
    if (wanted < first + n) break;
  }
  if (pooling != Pooling::mean) {
    std::copy_n(x + (pooling == Pooling::last ? first + n - 1 : first) * width, width, out);
    return;
  }
  for (int64_t c = 0; c < width; ++c) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[(first + i) * width + c];
    out[c] = static_cast<float>(sum / static_cast<double>(n));
  }
}

const OpInfo pool_op{"pool", infer, cost, reference};

}  // namespace lupo
