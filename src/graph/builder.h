// Builder makes a Graph from named weights and a request. It never stops at the first fault: missing, surplus and misshapen
// tensors are collected, and finish() reports them together. Not thread-safe; one Builder a graph.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace lupo {

struct WeightInfo {
  Type type;
  Shape shape;
};

// What a file offers, by GGUF name. The names are views that outlive the Builder.
using WeightTable = std::unordered_map<std::string_view, WeightInfo>;

// What the graph shall be able to run.
struct GraphRequest {
  int64_t n_ctx = 0;                            // cells of a slot; >= 1
  int64_t n_seq = 1;                            // slots; >= 1
  int64_t n_batch = 512;                        // greatest T of a step
  int64_t n_outputs = 1;                        // greatest O of a step, ≤ n_batch
  std::optional<Pooling> pooling{};             // the result is an embedding, pooled so; nothing: logits
  Type k_type = Type::f16, v_type = Type::f16;  // of the cache: f32, f16, bf16, q8_0 or q4_0
  int64_t n_checkpoints = 0;                    // copies of each slot's states of fixed size
};

using Value = TensorId;

// The cache of one layer.
struct Cache {
  Value k = kNone, v = kNone;  // kNone: there is none
};

class Builder {
 public:
  Builder(const WeightTable& weights, const GraphRequest& request);

  const GraphRequest& request() const { return request_; }

  // Nodes and block() names that follow belong to block `layer` (−1: outside the blocks).
  void at_layer(int64_t layer) { layer_ = layer; }
  std::string block(std::string_view name) const;  // "blk.3.attn_q"

  bool has(std::string_view name) const { return weights_.contains(name); }
  // Rows of the file's tensor of that whole name, 0 where there is none.
  int64_t n_rows(const std::string& name) const;
  // A vector weight [width], F32; by its whole name ("blk.3.attn_norm.weight"). vector_if gives kNone when absent.
  Value vector(const std::string& name, int64_t width);
  Value vector_if(const std::string& name, int64_t width);
  // A matrix [n_in, n_out] of a floating or quantized type.
  Value matrix(const std::string& name, int64_t n_in, int64_t n_out);
  // Rows `first` … of a tensor in the file that has n_total of them: one of several weights that were fused into one.
  struct Rows {
    int64_t first, n_total;
    int64_t n_matrices = 1;  // the file's tensor is [K, n_total / n_matrices, n_matrices]
  };
  // The request cannot be served by this model: finish() gives the first such error.
  void refuse(Error error);
  // Marks tensors of a file as known though this graph does not use them (rope tables that are recomputed and such).
  void ignore(std::string_view name);
  // The same, but it must be there and be F32 [width]: of two that the request chooses from, the other.
  void check_vector(const std::string& name, int64_t width);
  // The same for all tensors of a block, noted with the reason where there are any.
  void ignore_block(int64_t layer, std::string_view why);
  // For the user to read: something of the file that this graph leaves out.
  void note(std::string text) { graph_.notes.push_back(std::move(text)); }

  // Ops; `name` is the GGUF name without ".weight" / ".bias". A bias is used where the file has one.
  Value embed(const std::string& name, int64_t width, int64_t n_vocab, float scale = 1);
  // The first row of a table for every token [width, T].
  Value embed_first(const std::string& name, int64_t width);
  // A learned vector for each position [width, T]; a context beyond the n_positions of the table is refused.
  Value embed_positions(const std::string& name, int64_t width, int64_t n_positions);
  Value norm(Value x, const std::string& name, int64_t width, float eps, bool rms = true);
  // With a weight [width] or kNone.
  Value norm(Value x, int64_t width, float eps, Value weight = kNone, bool rms = true) {
    return add_node(NormAttrs{width, eps, rms}, {x, weight, kNone});
  }
  Value linear(Value x, const std::string& name, int64_t n_out) { return linear(x, name, n_out, {0, n_out}); }
  Value linear(Value x, const std::string& name, int64_t n_out, Rows rows);
  Value linear_heads(Value x, const std::string& name, int64_t n_out, int64_t n_head);  // [K, n_out, n_head]: each head its own
  Value rope(Value x, const RopeAttrs& attrs, Value factors = kNone);
  // Of the present layer. head_dim_v 0: there is no cache of values, which are leading values of the keys.
  Cache cache(int64_t n_kv_head, int64_t head_dim, int64_t head_dim_v, int64_t window = 0);
  Value attend(Value q, Value k, Value v, Cache cache, const AttendAttrs& attrs, Value sinks = kNone);
  Value glu(Value gate, Value up, Activation act);
  Value activate(Value x, Activation act);
  Value add(Value a, Value b);
  Value mul(Value a, Value b);
  Value scale(Value x, float factor);
  Value softcap(Value x, float cap);
  Value clamp(Value x, float limit);
  Value xielu(Value x, const XieluAttrs& attrs);
  Value temperature(Value x, const TemperatureAttrs& attrs);
  // Values [offset, offset + size) of each of n_group parts of a row.
  Value slice(Value x, int64_t n_group, int64_t offset, int64_t size);
  // Side by side in each of n_group parts of a row; `is_shared`: b has one part, that all get.
  Value join(Value a, Value b, int64_t n_group, bool is_shared = false);
  // Streams of a row weighed by each token's own weights; parts of a row made as long as another; the upper tail of a row.
  Value mix(Value x, Value weights, int64_t n_in, float offset = 0) { return add_node(MixAttrs{n_in, offset}, {x, weights}); }
  Value match(Value a, Value x) { return add_node(MatchAttrs{}, {a, x}); }
  Value sparsify(Value x, float deviations) { return add_node(SparsifyAttrs{deviations}, {x}); }
  Value select_outputs(Value x);
  Value pool(Value x, Pooling pooling);  // not rank; none: select_outputs
  // Ops with a state of fixed size, which they make. conv: of `width` tokens; scan: b and c have n_state values a group.
  Value conv(Value x, const std::string& name, int64_t width);
  Value scan(Value x, Value dt, Value a, Value b, Value c, Value d, int64_t n_state, const ScanAttrs& attrs);
  Value delta(Value q, Value k, Value v, Value g, Value beta, int64_t key_dim, int64_t value_dim, const DeltaAttrs& attrs);
  // Experts of n_ff each: weights [C, n_ff, E] and [n_ff, C, E] by the names of gate, up and down, up with gate's name where
  // both lie in one [C, 2·n_ff, E] and empty where there is none; biases, and a scale for each expert (NAME.scale), where the
  // file has them.
  Value moe(Value x, Value router, const std::string& gate, const std::string& up, const std::string& down, int64_t n_ff,
            const MoeAttrs& attrs, Value selection = kNone);

  // Checks that every tensor of the file was asked for and gives the graph, or one Error with all faults.
  Result<Graph> finish(Value result);

 private:
  Value add_tensor(Tensor tensor);
  Value add_node(Attrs attrs, std::vector<TensorId> in);
  Value weight(const std::string& name, const Shape& shape, bool is_vector, Rows rows);
  void expect(const std::string& name);
  // What the file has under this name, null where nothing; a fault is noted where it is missing, or of another shape or type.
  const WeightInfo* checked(const std::string& name, const Shape& shape, bool is_vector);
  Value state(std::string_view name, Type type, const Shape& shape, StatePolicy policy);
  void problem(std::string text);

  const WeightTable& weights_;
  GraphRequest request_;
  Graph graph_;
  int64_t layer_ = -1;
  std::unordered_map<std::string, Value> asked_;  // weights by name, so that a tied tensor is one tensor
  std::unordered_set<std::string_view> used_;
  std::vector<std::string> problems_;  // the first kProblemsMax are kept
  int64_t n_problems_ = 0;
  std::optional<Error> bad_request_;  // the first option that this model cannot serve
};

}  // namespace lupo
