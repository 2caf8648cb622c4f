// The graph: what a model computes, as data. Four consumers read it: the planner (memory/), the backends (runtime/backend),
// grad() and the tracer. It holds no data pointer and no thread.
//
// Letters used for shapes everywhere:
//   T tokens of a step      C embedding width (n_embd)     V vocabulary        O rows whose logits are wanted
//   H query heads           G key/value heads              D head_dim          S sequence slots     N cells of a slot
// A shape lists its dimensions as GGUF does: the first is contiguous. A weight [C, F] therefore has F rows of C values, and
// an activation [C, T] has one row of C values a token.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "graph/attrs.h"
#include "quant/type.h"

namespace lupo {

enum class Life : uint8_t {
  weight,   // in the mapped file; read only
  state,    // lives as long as the session: KV cache, recurrent state
  scratch,  // lives from the node that writes it to the last that reads it
  input,    // filled from the Step before the first node
  output,   // read by the caller after the last node
};

// How a state tensor grows along its cell dimension N.
enum class StatePolicy : uint8_t {
  none,    // not a state
  append,  // cell = position: full attention
  ring,    // cell = position mod N: sliding window
  fixed,   // one value per sequence, updated in place: recurrent state
};

// A dimension whose size is known only when a step runs.
inline constexpr int64_t kTokens = -1;   // T, at most GraphRequest::n_batch
inline constexpr int64_t kOutputs = -2;  // O, at most GraphRequest::n_outputs

struct Shape {
  std::array<int64_t, 4> dim{1, 1, 1, 1};

  // Product of all dimensions with T and O replaced. Overflow is impossible for shapes that Builder accepted.
  int64_t elements(int64_t n_tokens, int64_t n_outputs) const;
  int64_t rows(int64_t n_tokens, int64_t n_outputs) const;  // elements / dim[0]
  bool operator==(const Shape&) const = default;
};

std::string to_string(const Shape& shape);  // "[576, 1536]", "[576, T]"

using TensorId = int32_t;
inline constexpr TensorId kNone = -1;

struct Tensor {
  Type type;
  Shape shape;
  Life life;
  StatePolicy policy = StatePolicy::none;
  std::string name;        // GGUF name of a weight; "blk.3.k_cache" of a state; name of the making op otherwise
  int64_t first_row = 0;   // of a weight: where it begins in the file's tensor of that name (fused weights are rows of one)
  int64_t rows_apart = 0;  // of a weight [K, F, E]: rows from one matrix to the next in the file, F or more
};

struct Node {
  Attrs attrs;               // which op, and its constants; see graph/attrs.h
  std::vector<TensorId> in;  // operands in the order that attrs.h states; kNone for an absent optional one
  TensorId out;
  int32_t layer = -1;  // block index, for the tracer and for placement; -1 outside the blocks

  Op op() const { return static_cast<Op>(attrs.index()); }
};

struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;                                      // in an order that runs
  int64_t n_batch = 0;                                          // greatest T of a step
  int64_t n_outputs = 0;                                        // greatest O of a step
  int64_t n_ctx = 0;                                            // cells of a full-attention slot
  int64_t n_seq = 1;                                            // S
  int64_t n_checkpoints = 0;                                    // copies of each slot's states of fixed size
  TensorId tokens = kNone, positions = kNone, outputs = kNone;  // inputs: I32 [T], I32 [T], I32 [O]
  TensorId logits = kNone;                                      // output: F32 [V, O]
  std::vector<std::string> notes;                               // what of the file is left out, for the user to read

  const Tensor& operator[](TensorId id) const { return tensors[static_cast<size_t>(id)]; }
  // States in a tensor of policy fixed: those of the slots, then the checkpoints of slot 0, of slot 1, …
  int64_t n_fixed() const { return n_seq * (1 + n_checkpoints); }
  // Bytes of a tensor at the graph's greatest T and O.
  int64_t bytes_max(TensorId id) const;
};

// One sequence's share of a step: n_tokens consecutive tokens that continue the slot at position pos.
struct StepSequence {
  int32_t slot;      // 0 ≤ slot < n_seq
  int32_t n_tokens;  // >= 1
  int64_t pos;       // cells before it are filled
};

// All that varies between two runs of one program.
struct Step {
  std::span<const int32_t> tokens;          // [T] ids, checked against V by the caller
  std::span<const StepSequence> sequences;  // their n_tokens sum to T
  std::span<const int32_t> outputs;         // [O] rows of the batch whose logits are wanted, ascending
};

}  // namespace lupo
