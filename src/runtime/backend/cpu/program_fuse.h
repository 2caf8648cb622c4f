// From the nodes of a graph to the phases that the threads run one after the other, with one barrier between two.
//
//   rows    row-wise nodes in a row (norm, rope, glu, add, …): each row (token) runs through all of them while it is in the
//   cache, and
//           is quantized at the end for the phase that follows
//   matmul  all linears of one input, so that its activations are quantized once: q, k and v; gate and up
//   attend  one attention with the norms and rotations of its q and k, which are applied as heads are read
//   state   one op with a state of fixed size (conv, scan, delta)
//   heads   one linear of heads, in two phases: gather, multiply
//   moe     one mixture of experts, in six phases: route, gather, up (with gate), act, down, sum
//   tables  cos and sin of every distinct rotary embedding, once a step
// The graph stays as it is; a phase only lists nodes. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "memory/plan.h"
#include "runtime/backend/cpu/kernels.h"

namespace lupo::cpu {

struct Phase {
  enum class Kind : uint8_t {
    rows,
    matmul,
    attend,
    state,
    tables,
    heads_gather,
    heads_multiply,
    moe_route,
    moe_gather,
    moe_up,
    moe_act,
    moe_down,
    moe_sum
  };
  Kind kind;
  std::vector<int32_t> nodes{};               // attend: the attention alone
  std::vector<int32_t> q_chain{}, k_chain{};  // attend: norm and rope nodes, in the order that they apply
  TensorId quantized = kNone;                 // rows: the tensor whose rows are quantized after the nodes
  bool over_outputs = false;                  // its rows are the O outputs, not the T tokens
  int32_t main_node = -1;  // that the tracer gives the phase's time to: the last one (of `quantized` alone: its reader)
};

// One table [n_rot/2, 2, T]: for each token its cosines, then its sines.
struct RopeTable {
  RopeAttrs attrs;
  TensorId factors;
  int64_t offset;  // in the workspace, bytes
};

struct Schedule {
  std::vector<Phase> phases;
  std::vector<int32_t> stage;  // of each node: the phase it runs in
  std::vector<RopeTable> tables;
  std::vector<int32_t> table_of;  // of each node: index in tables, −1 where it is no rope
};

Schedule make_schedule(const Graph& graph, const Kernels& kernels);

// Where everything lies in the workspace: bytes from its start, each a multiple of 64.
struct WorkspaceLayout {
  int64_t quantized_k = 0;                               // greatest K that is quantized; 0: none
  int64_t codes = 0, scales = 0, sums = 0, sums_16 = 0;  // the buffers of QuantizedRows; codes: chunks or q
  struct Gathered {                                      // of one mixture at a time; A = T · n_used tokens of experts
    int64_t begin = 0;                                   // I32 [E + 1]: the first row of each expert
    int64_t code_begin = 0;  // I64 [E, 2]: where each expert's codes begin, of what gate and up read, then of what down reads
    int64_t tokens = 0, slots = 0, weights = 0;            // I32 [A], I32 [A], F32 [A]
    int64_t codes = 0, scales = 0, sums = 0, sums_16 = 0;  // of activations [K, A], or the activations F32 [K, A] at codes
    int64_t gate = 0, up = 0, inputs = 0;                  // F32 [F, A], [F, A], [C, A]
  } gathered;                                              // or of one linear of heads: codes [K, T, H] or inputs F32 [K, T, H]
  int64_t partials = 0, partials_bytes = 0;                // of attention split by keys
  int64_t threads = 0, thread_bytes = 0;                   // each thread's scratch
  int64_t bytes = 0;                                       // in all
};

// Of the codes of n_tokens rows of K values that were gathered for one expert or head.
constexpr int64_t gathered_code_bytes(int64_t k, int64_t n_tokens) {
  const int64_t bytes = n_tokens < kFewTokens ? n_tokens * activation_chunks(k) * static_cast<int64_t>(sizeof(ActivationChunk))
                                              : code_bytes(k, n_tokens);
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// The query heads that attention takes at a time are a share of those of one KV head where these are more than a tile has rows.
inline int64_t heads_at_once(const AttendAttrs& at) {
  const int64_t n_rep = at.n_head / at.n_kv_head;
  int64_t n_groups = (n_rep + kTileRows - 1) / kTileRows;
  while (n_rep % n_groups != 0) ++n_groups;
  return n_rep / n_groups;
}

WorkspaceLayout make_layout(const Graph& graph, Schedule& schedule, const Kernels& kernels, int n_threads);

// Tasks that the attention of a step, or of each token where these are few, is split into by keys: about this many for each
// thread. With n pairs of token and group, fewer than that, there are at most n parts more, so that the workspace holds twice as
// many for each of few tokens.
inline constexpr int64_t kPartsPerThread = 4;

}  // namespace lupo::cpu
