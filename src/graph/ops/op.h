// What is known of each op: its name, the shape it makes, what it costs, and its reference: plain loops in the order of the
// formula, with sums in double. The references are the `ref` backend and the oracle of every faster path; they stay for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "graph/graph.h"

namespace lupo {

// What running a node reads and computes; for the roof, the tracer and predictions.
struct Cost {
  double flops = 0;         // a multiply-add counts 2
  double weight_bytes = 0;  // read from the weights
  double state_bytes = 0;   // read from and written to caches
};

// A node being run: addresses of all tensors (by TensorId; null where unused) and the step.
struct Execution {
  const Graph& graph;
  const Step& step;
  std::span<std::byte* const> data;

  int64_t n_tokens() const { return static_cast<int64_t>(step.tokens.size()); }
  int64_t n_outputs() const { return static_cast<int64_t>(step.outputs.size()); }
  float* f32(TensorId id) const { return id == kNone ? nullptr : reinterpret_cast<float*>(data[static_cast<size_t>(id)]); }
  const int32_t* i32(TensorId id) const { return reinterpret_cast<const int32_t*>(data[static_cast<size_t>(id)]); }
  std::byte* bytes(TensorId id) const { return data[static_cast<size_t>(id)]; }
  int64_t elements(TensorId id) const { return graph[id].shape.elements(n_tokens(), n_outputs()); }
  int64_t rows(TensorId id) const { return graph[id].shape.rows(n_tokens(), n_outputs()); }
};

struct OpInfo {
  std::string_view name;
  // The result's shape from the operands; an Error {model, bad-operand} names the op and both shapes.
  Result<Shape> (*infer)(const Graph& graph, const Node& node);
  // At T tokens, O outputs, with `depth` cells filled before the step (one sequence).
  Cost (*cost)(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t depth);
  void (*reference)(const Execution& execution, const Node& node);
};

const OpInfo& op_info(Op op);

// Defined beside their ops.
#define LUPO_OP(name, Name) extern const OpInfo name##_op;
LUPO_OPS(LUPO_OP)
#undef LUPO_OP

// act(x) and xIELU as the reference computes them.
double activation(Activation act, double x);
double xielu(const XieluAttrs& attrs, double x);

// What temperature multiplies a row with.
float temperature_of(const TemperatureAttrs& temperature, int64_t position);

// The experts of one token: n_used indices by falling score, and their weights. router [E], selection [E] or null.
void route(const MoeAttrs& moe, const float* router, const float* selection, int32_t* experts, float* weights);

// cos and sin of the rotation of each of the n_rot/2 pairs at a position, attention factor included. factors: [n_rot/2] or null.
void rope_table(const RopeAttrs& rope, int64_t position, const float* factors, float* cosine, float* sine);

// The key head that a value head of delta reads.
int64_t delta_key_head(const DeltaAttrs& delta, int64_t head);

// ALiBi's slope of a query head.
float alibi_slope(const AttendAttrs& attend, int64_t head);

// Row `outputs[o]`'s sequence of the step, pooled: x [C, T], out [C].
void pool_row(Pooling pooling, const Step& step, int64_t o, const float* x, int64_t width, float* out);

// One row of slice, of n values, and one of join, of n_a and n_b values.
void slice_row(const SliceAttrs& slice, int64_t n, const float* x, float* out);
void join_row(const JoinAttrs& join, int64_t n_a, int64_t n_b, const float* a, const float* b, float* out);

// One row of mix, of n_x values and n_weights weights; of match, of n_a and n_x values; of sparsify.
void mix_row(const MixAttrs& mix, int64_t n_x, int64_t n_weights, const float* x, const float* weights, float* out);
void match_row(int64_t n_a, int64_t n_x, const float* a, const float* x, float* out);
void sparsify_row(float deviations, int64_t n, const float* x, float* out);

}  // namespace lupo
