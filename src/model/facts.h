// What a model costs, told from its graph: no formula for any architecture. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace lupo {

// How layers keep what tokens leave behind.
enum class CacheKind : uint8_t {
  full,    // keys and values of every token
  window,  // of the last tokens
  latent,  // one low-rank row a token for keys and values
  shared,  // none: reads another layer's
  none,    // none: attends to the tokens of the step alone
};
std::string_view cache_kind_name(CacheKind kind);

// The attention layers of one kind (and one window).
struct CacheFacts {
  CacheKind kind;
  int64_t window = 0;  // tokens; of kind window
  int64_t n_layer = 0;
  int64_t bytes_per_token = 0;  // of all these layers, in the graph's cache types
  bool operator==(const CacheFacts&) const = default;
};

struct ModelFacts {
  int64_t params_total = 0;        // values of all weights
  int64_t params_active = 0;       // of those that take part in a token: the experts chosen, of an embedding table one row
  int64_t bytes_per_token = 0;     // weight bytes read for one decoded token: one embedding row, a tied head once
  std::vector<CacheFacts> caches;  // in the order of their first layers
  int64_t state_bytes = 0;         // of fixed size, a sequence
};

ModelFacts facts_of(const Graph& graph);

}  // namespace lupo
