// attend: grouped-query attention with a cache (Ainslie et al. 2023, arXiv 2305.13245).
#include <algorithm>
#include <bit>
#include <cmath>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<void> check_cache(const Graph& graph, TensorId id, int64_t width, int64_t n_kv_head) {
  const Shape& cache = graph[id].shape;
  if (cache.dim[0] != width || cache.dim[2] != n_kv_head || cache.dim[3] != graph.n_seq)
    return bad_operand("attend", graph, id, fmt::format("[{}, N, {}, {}]", width, n_kv_head, graph.n_seq));
  return {};
}

Result<Shape> infer(const Graph& graph, const Node& node) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  if (at.n_kv_head < 1 || at.n_head % at.n_kv_head != 0)
    return bad_operand("attend", graph, node.in[0],
                       fmt::format("{} query heads as a multiple of {} KV heads", at.n_head, at.n_kv_head));
  TRY(check_rows("attend", graph, node.in[0], at.n_head * at.head_dim));
  if (node.in[1] != kNone) TRY(check_rows("attend", graph, node.in[1], at.n_kv_head * at.head_dim));
  if (node.in[2] != kNone) TRY(check_rows("attend", graph, node.in[2], at.n_kv_head * at.head_dim_v));
  const bool has_cache = node.in[3] != kNone;
  if (has_cache) TRY(check_cache(graph, node.in[3], at.head_dim, at.n_kv_head));
  if (node.in[4] != kNone) TRY(check_cache(graph, node.in[4], at.head_dim_v, at.n_kv_head));
  const int block = has_cache ? type_info(graph[node.in[3]].type).block_elements : 1;
  if (has_cache && node.in[4] == kNone && (node.in[2] != kNone || at.head_dim_v > at.head_dim || at.head_dim_v % block != 0))
    return bad_operand("attend", graph, node.in[3], fmt::format("values of whole blocks of {} within the key, and no v", block));
  if (!has_cache && (node.in[1] == kNone || node.in[2] == kNone || node.in[4] != kNone || at.is_chunked))
    return bad_operand("attend", graph, node.in[0], "keys and values of the step, since there is no cache");
  TRY(check_vector("attend", graph, node.in[5], at.n_head));
  if (at.alibi > 0 && (at.softcap > 0 || at.window > 0))
    return bad_operand("attend", graph, node.in[0], "ALiBi without softcap and window");
  return Shape{{at.n_head * at.head_dim_v, kTokens, 1, 1}};
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t, int64_t depth) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  const double n = static_cast<double>(n_tokens);
  const double span = static_cast<double>(depth) + (at.causal ? (n + 1) / 2 : n);              // mean cells seen by a query
  const double widest = static_cast<double>(at.is_chunked ? (at.window + 1) / 2 : at.window);  // a chunk is half full
  const double seen = at.window > 0 ? std::min(span, widest) : span;
  const double cells = std::min(static_cast<double>(depth + n_tokens), seen + static_cast<double>(n_tokens));  // read once a step
  int64_t cell_bytes = node.in[3] == kNone ? 0 : row_bytes(graph[node.in[3]].type, at.head_dim);
  if (node.in[4] != kNone) cell_bytes += row_bytes(graph[node.in[4]].type, at.head_dim_v);
  return {.flops = 2.0 * static_cast<double>(n_tokens * at.n_head * (at.head_dim + at.head_dim_v)) * seen,
          .state_bytes = cells * static_cast<double>(at.n_kv_head * cell_bytes)};
}

// Writes rows [width·G, T] of the step into their cells.
void store(const Execution& run, TensorId source, TensorId cache, int64_t width, int64_t n_kv_head) {
  const Tensor& target = run.graph[cache];
  const int64_t n_cells = target.shape.dim[1], bytes = row_bytes(target.type, width);
  const float* row = run.f32(source);
  for (const StepSequence& sequence : run.step.sequences)
    for (int64_t i = 0; i < sequence.n_tokens; ++i)
      for (int64_t g = 0; g < n_kv_head; ++g, row += width) {
        const int64_t cell = (sequence.pos + i) % n_cells;
        type_info(target.type)
            .from_float(row, nullptr, run.bytes(cache) + ((sequence.slot * n_kv_head + g) * n_cells + cell) * bytes, width);
      }
}

// The first `width` values of one cache row as floats.
void load_cell(const Execution& run, TensorId cache, int64_t slot, int64_t g, int64_t position, int64_t width, float* row) {
  const Tensor& source = run.graph[cache];
  const int64_t n_cells = source.shape.dim[1], n_kv_head = source.shape.dim[2];
  const int64_t index = (slot * n_kv_head + g) * n_cells + position % n_cells;
  type_info(source.type).to_float(run.bytes(cache) + index * row_bytes(source.type, source.shape.dim[0]), row, width);
}

// One query head of one token of a sequence whose rows begin at `first_row` of the batch.
struct Query {
  const StepSequence& sequence;
  int64_t first_row, token, head;
};

// The key or value of position j: from the cache, or where there is none from the step's own rows [width·G, T].
void load(const Execution& run, const Node& node, size_t operand, int64_t width, const Query& query, int64_t j, float* row) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  const int64_t g = query.head / (at.n_head / at.n_kv_head);
  const TensorId cache = node.in[operand + 2] == kNone ? node.in[3] : node.in[operand + 2];
  if (cache != kNone) return load_cell(run, cache, query.sequence.slot, g, j, width, row);
  const float* source = run.f32(node.in[operand]) + ((query.first_row + j - query.sequence.pos) * at.n_kv_head + g) * width;
  std::copy_n(source, width, row);
}

void attend_one(const Execution& run, const Node& node, const Query& query, const float* q, float* out) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  const int64_t pos = query.sequence.pos + query.token;
  const int64_t begin = at.first_key(pos), end = at.keys_end(pos, query.sequence.pos + query.sequence.n_tokens);
  std::vector<float> row(static_cast<size_t>(std::max(at.head_dim, at.head_dim_v)));                     // [D]
  std::vector<double> score(static_cast<size_t>(end - begin)), sum(static_cast<size_t>(at.head_dim_v));  // [cells], [Dv]
  const double sink = node.in[5] == kNone ? -INFINITY : run.f32(node.in[5])[query.head];
  double top = sink;
  for (int64_t j = begin; j < end; ++j) {
    load(run, node, 1, at.head_dim, query, j, row.data());
    double dot = 0;
    for (int64_t d = 0; d < at.head_dim; ++d) dot += static_cast<double>(q[d]) * static_cast<double>(row[static_cast<size_t>(d)]);
    dot *= at.scale;
    if (at.softcap > 0) dot = at.softcap * std::tanh(dot / at.softcap);
    if (at.alibi > 0) dot -= alibi_slope(at, query.head) * static_cast<double>(std::abs(pos - j));
    score[static_cast<size_t>(j - begin)] = dot;
    top = std::max(top, dot);
  }
  double total = node.in[5] == kNone ? 0 : std::exp(sink - top);
  for (int64_t j = begin; j < end; ++j) {
    const double weight = std::exp(score[static_cast<size_t>(j - begin)] - top);
    load(run, node, 2, at.head_dim_v, query, j, row.data());
    for (int64_t d = 0; d < at.head_dim_v; ++d)
      sum[static_cast<size_t>(d)] += weight * static_cast<double>(row[static_cast<size_t>(d)]);
    total += weight;
  }
  for (int64_t d = 0; d < at.head_dim_v; ++d) out[d] = static_cast<float>(sum[static_cast<size_t>(d)] / total);
}

void reference(const Execution& run, const Node& node) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  if (node.in[1] != kNone && node.in[3] != kNone) store(run, node.in[1], node.in[3], at.head_dim, at.n_kv_head);
  if (node.in[2] != kNone && node.in[4] != kNone) store(run, node.in[2], node.in[4], at.head_dim_v, at.n_kv_head);
  const float* q = run.f32(node.in[0]);  // [H·D, T]
  float* out = run.f32(node.out);        // [H·Dv, T]
  int64_t first_row = 0;
  for (const StepSequence& sequence : run.step.sequences) {
    for (int64_t i = 0; i < sequence.n_tokens; ++i)
      for (int64_t head = 0; head < at.n_head; ++head, q += at.head_dim, out += at.head_dim_v)
        attend_one(run, node, {sequence, first_row, i, head}, q, out);
    first_row += sequence.n_tokens;
  }
}

}  // namespace

float alibi_slope(const AttendAttrs& attend, int64_t head) {
  // Heads beyond the greatest power of two take the slopes between those of twice as many heads.
  const int64_t n = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(attend.n_head)));
  const int64_t step = head < n ? 2 * (head + 1) : 2 * (head - n) + 1;
  return static_cast<float>(
      std::exp2(-static_cast<double>(attend.alibi) / 2 / static_cast<double>(n) * static_cast<double>(step)));
}

const OpInfo attend_op{"attend", infer, cost, reference};

}  // namespace lupo
