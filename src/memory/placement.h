// What of a model lies on a GPU and what in the machine's memory, when both are there: by layers, as runtimes split models.
//
// Whole on the GPU where it fits. Else a mixture of experts keeps all layers there and leaves experts of the first layers in RAM;
// others, and mixtures whose rest is too large, leave whole layers in RAM. The embedding table, of which a token reads one row, is
// in RAM. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "memory/plan.h"

namespace lupo {

struct Rooms {
  int64_t gpu_bytes = 0;  // for one model; 0: no GPU
  int64_t ram_bytes = 0;
};

// Bytes in, or read from, the GPU's memory and the machine's.
struct TwoPools {
  double gpu = 0, ram = 0;
};

struct Placement {
  int64_t n_layer = 0;             // blocks of the model
  int64_t n_gpu_layers = 0;        // the last so many are on the GPU, and what follows them
  int64_t n_ram_expert_layers = 0;  // experts of the first so many stay in RAM
  int64_t gpu_bytes = 0, ram_bytes = 0;  // weights, cache, and scratch on the GPU where there is any of it
  bool fits = true;

  bool is_on_gpu(const Node& node) const { return node.layer < 0 ? n_gpu_layers > 0 : node.layer >= n_layer - n_gpu_layers; }
  bool has_experts_in_ram(const Node& node) const { return node.layer < n_ram_expert_layers; }
};

// `bytes`: of the plan of this graph.
Placement place(const Graph& graph, const MemoryBytes& bytes, const Rooms& rooms);

// What one token reads at a depth.
TwoPools bytes_per_token(const Graph& graph, const Placement& placement, int64_t depth);

}  // namespace lupo
