#include "model/facts.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/op.h"

namespace lupo {
namespace {

// Whether the cost of an op has the bytes of its operand i, a weight.
bool is_in_cost(Op op, size_t i) {
  switch (op) {
    case Op::conv: return i == 1;
    case Op::scan: return i == 2;
    case Op::moe: return i >= 2 && i <= 4;
    default: return i == 0;
  }
}

// Matrices are counted by the cost of their op, which knows what is read of them; the rest, norms, biases and factors, is read
// whole.
void count_weights(const Graph& graph, ModelFacts& facts) {
  std::vector<bool> is_matrix(graph.tensors.size()), is_table(graph.tensors.size()), is_whole(graph.tensors.size());
  for (const Node& node : graph.nodes) {
    const int64_t bytes = std::llround(op_info(node.op()).cost(graph, node, 1, 1, 0).weight_bytes);
    facts.bytes_per_token += bytes;
    const auto* moe = std::get_if<MoeAttrs>(&node.attrs);
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i] == kNone || graph[node.in[i]].life != Life::weight) continue;
      const Shape& shape = graph[node.in[i]].shape;
      const auto id = static_cast<size_t>(node.in[i]);
      if (bytes > 0 && is_in_cost(node.op(), i)) is_matrix[id] = true;
      (node.op() == Op::embed ? is_table : is_whole)[id] = true;
      const bool is_of_experts = moe != nullptr && shape.dim[1] > 1;  // weights [K, F, E], biases [F, E]
      if (!is_of_experts) continue;
      facts.params_active -= shape.elements(1, 1) / moe->n_expert * (moe->n_expert - moe->n_used);
      if (is_matrix[id]) continue;
      is_matrix[id] = true;
      facts.bytes_per_token += graph.bytes_max(node.in[i]) / moe->n_expert * moe->n_used;
    }
  }
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (graph.tensors[i].life != Life::weight) continue;
    const Shape& shape = graph.tensors[i].shape;
    facts.params_total += shape.elements(1, 1);
    if (is_table[i] && !is_whole[i]) facts.params_active += shape.dim[0] - shape.elements(1, 1);  // one row
    if (!is_matrix[i]) facts.bytes_per_token += graph.bytes_max(static_cast<TensorId>(i));
  }
  facts.params_active += facts.params_total;
}

CacheKind kind_of(const Node& node, const AttendAttrs& at) {
  if (node.in[3] == kNone) return CacheKind::none;
  if (node.in[1] == kNone && node.in[2] == kNone) return CacheKind::shared;
  if (node.in[4] == kNone) return CacheKind::latent;
  return at.window > 0 ? CacheKind::window : CacheKind::full;
}

void count_caches(const Graph& graph, ModelFacts& facts) {
  for (const Node& node : graph.nodes) {
    const auto* at = std::get_if<AttendAttrs>(&node.attrs);
    if (at == nullptr) continue;
    const CacheKind kind = kind_of(node, *at);
    const int64_t window = kind == CacheKind::window ? at->window : 0;
    auto found = std::find_if(facts.caches.begin(), facts.caches.end(),
                              [&](const CacheFacts& c) { return c.kind == kind && c.window == window; });
    if (found == facts.caches.end()) found = facts.caches.insert(found, {.kind = kind, .window = window});
    ++found->n_layer;
    if (kind == CacheKind::shared) continue;
    for (size_t i : {size_t{3}, size_t{4}})
      if (node.in[i] != kNone)
        found->bytes_per_token += at->n_kv_head * row_bytes(graph[node.in[i]].type, graph[node.in[i]].shape.dim[0]);
  }
  for (size_t i = 0; i < graph.tensors.size(); ++i)
    if (graph.tensors[i].policy == StatePolicy::fixed)
      facts.state_bytes += graph.bytes_max(static_cast<TensorId>(i)) / graph.n_seq;
}

}  // namespace

std::string_view cache_kind_name(CacheKind kind) {
  switch (kind) {
    case CacheKind::full: return "full";
    case CacheKind::window: return "window";
    case CacheKind::latent: return "latent";
    case CacheKind::shared: return "shared";
    case CacheKind::none: return "none";
  }
  return "";
}

ModelFacts facts_of(const Graph& graph) {
  ModelFacts facts;
  count_weights(graph, facts);
  count_caches(graph, facts);
  return facts;
}

}  // namespace lupo
