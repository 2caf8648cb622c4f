// memory/ decides; it never allocates.
//
// plan() sums the bytes of every tensor of a graph by its Life and places scratch tensors into one arena by their lifetimes.
// The numbers are exact: a backend allocates these bytes and no others (a test compares). Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace lupo {

struct MemoryBytes {
  int64_t weights = 0;  // in the mapping, read by the graph; each tensor once
  int64_t kv = 0;       // state that grows with tokens (policies append and ring)
  int64_t state = 0;    // state of fixed size
  int64_t scratch = 0;  // arena of scratch, inputs and outputs, and the backend's workspace
  int64_t total() const { return weights + kv + state + scratch; }
  bool operator==(const MemoryBytes&) const = default;
};

// What a backend can do with a graph, handed over as data so that memory/ needs no backend.
struct Caps {
  std::string backend;
  std::vector<std::string> unsupported;  // "op type: reason", empty when the whole graph runs
  int64_t workspace_bytes = 0;           // one block for the whole program: quantized activations, per-thread buffers
  // Stage of each node, ascending from 0: nodes of one stage may run at once or fused, so that no tensor they read or write may
  // share bytes with another of theirs. Empty: every node is a stage of its own.
  std::vector<int32_t> stage;
};

inline constexpr int64_t kArenaAlignment = 64;  // bytes; a cache line and a 512-bit vector

struct Plan {
  // Offset of each tensor in its arena (state tensors: the state arena; scratch, input, output: the scratch arena), −1 for
  // weights.
  std::vector<int64_t> offset;
  int64_t scratch_arena_bytes = 0;
  int64_t state_arena_bytes = 0;
  int64_t workspace_bytes = 0;
  MemoryBytes bytes;
};

Result<Plan> plan_memory(const Graph& graph, const Caps& caps);

}  // namespace lupo
