#include "memory/placement.h"

#include <algorithm>

#include "graph/ops/op.h"

namespace lupo {
namespace {

// Of one layer; of all that is outside layers the last entry.
struct LayerBytes {
  int64_t experts = 0, rest = 0;  // weights; of the rest also the cache
};

bool is_expert_operand(const Node& node, size_t i) { return node.op() == Op::moe && i >= 2; }  // matrices and what belongs to them

// [n_layer + 1]; an embedding table that is not the head too is left out, and returned in `table`.
std::vector<LayerBytes> bytes_by_layer(const Graph& graph, int64_t n_layer, int64_t& table) {
  std::vector<LayerBytes> layers(static_cast<size_t>(n_layer) + 1);
  std::vector<bool> is_counted(graph.tensors.size());
  table = 0;
  // Tables last: one that is the head as well is the head's.
  for (const bool is_table : {false, true})
    for (const Node& node : graph.nodes) {
      if ((node.op() == Op::embed) != is_table) continue;
      LayerBytes& layer = layers[static_cast<size_t>(node.layer < 0 ? n_layer : node.layer)];
      for (size_t i = 0; i < node.in.size(); ++i) {
        const TensorId id = node.in[i];
        if (id == kNone || is_counted[static_cast<size_t>(id)]) continue;
        if (graph[id].life != Life::weight && graph[id].life != Life::state) continue;
        is_counted[static_cast<size_t>(id)] = true;
        (is_table ? table : is_expert_operand(node, i) ? layer.experts : layer.rest) += graph.bytes_max(id);
      }
    }
  return layers;
}

}  // namespace

Placement place(const Graph& graph, const MemoryBytes& bytes, const Rooms& rooms) {
  Placement placement;
  for (const Node& node : graph.nodes) placement.n_layer = std::max<int64_t>(placement.n_layer, node.layer + 1);
  int64_t table = 0;
  const std::vector<LayerBytes> layers = bytes_by_layer(graph, placement.n_layer, table);
  // Without RAM the table has to lie on the GPU too.
  const int64_t outside = layers.back().rest + (rooms.ram_bytes > 0 ? 0 : table);
  if (rooms.ram_bytes <= 0) table = 0;
  int64_t experts = 0, all = table + outside;
  for (int64_t i = 0; i < placement.n_layer; ++i) {
    experts += layers[static_cast<size_t>(i)].experts;
    all += layers[static_cast<size_t>(i)].experts + layers[static_cast<size_t>(i)].rest;
  }
  const int64_t scratch = bytes.scratch, room = rooms.gpu_bytes - scratch;
  const int64_t on_gpu = all - table;
  if (rooms.gpu_bytes > 0 && on_gpu - experts <= room) {
    placement.n_gpu_layers = placement.n_layer;
    placement.gpu_bytes = on_gpu;
    for (int64_t i = 0; i < placement.n_layer && placement.gpu_bytes > room; ++i) {
      placement.gpu_bytes -= layers[static_cast<size_t>(i)].experts;
      placement.n_ram_expert_layers = i + 1;
    }
  } else if (rooms.gpu_bytes > 0) {
    placement.gpu_bytes = outside;
    while (placement.n_gpu_layers < placement.n_layer) {
      const LayerBytes& next = layers[static_cast<size_t>(placement.n_layer - placement.n_gpu_layers - 1)];
      if (placement.gpu_bytes + next.experts + next.rest > room) break;
      placement.gpu_bytes += next.experts + next.rest;
      ++placement.n_gpu_layers;
    }
    if (placement.n_gpu_layers == 0) placement.gpu_bytes = 0;
  }
  placement.ram_bytes = all - placement.gpu_bytes;
  (placement.n_gpu_layers > 0 ? placement.gpu_bytes : placement.ram_bytes) += scratch;
  placement.fits = placement.ram_bytes <= rooms.ram_bytes;
  return placement;
}

TwoPools bytes_per_token(const Graph& graph, const Placement& placement, int64_t depth) {
  TwoPools read;
  for (const Node& node : graph.nodes) {
    const Cost cost = op_info(node.op()).cost(graph, node, 1, 1, depth);
    const bool is_in_ram = node.op() == Op::embed || !placement.is_on_gpu(node);
    const bool is_weight_in_ram = is_in_ram || (node.op() == Op::moe && placement.has_experts_in_ram(node));
    (is_weight_in_ram ? read.ram : read.gpu) += cost.weight_bytes;
    (is_in_ram ? read.ram : read.gpu) += cost.state_bytes;
  }
  return read;
}

}  // namespace lupo
