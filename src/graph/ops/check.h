// Shape checks shared by the ops' infer functions.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "graph/ops/op.h"

namespace lupo {

inline std::unexpected<Error> bad_operand(std::string_view op, const Graph& graph, TensorId id, const std::string& wanted) {
  const Tensor& tensor = graph[id];
  return fail(Layer::model, "bad-operand",
              fmt::format("{}: operand '{}' is {} {}, wanted {}", op, tensor.name, type_info(tensor.type).name,
                          to_string(tensor.shape), wanted),
              "lupo inspect MODEL --tensors  # compare with a file that is known to be good");
}

// An F32 activation [width, T or O] whose width is `width` (any when 0).
inline Result<void> check_rows(std::string_view op, const Graph& graph, TensorId id, int64_t width) {
  const Tensor& x = graph[id];
  if (x.type != Type::f32 || (width > 0 && x.shape.dim[0] != width))
    return bad_operand(op, graph, id, fmt::format("F32 [{}, T]", width));
  return {};
}

// An optional F32 vector of `width` values.
inline Result<void> check_vector(std::string_view op, const Graph& graph, TensorId id, int64_t width) {
  if (id == kNone) return {};
  const Tensor& x = graph[id];
  if (x.type != Type::f32 || x.shape != Shape{{width, 1, 1, 1}})
    return bad_operand(op, graph, id, fmt::format("F32 [{}]", width));
  return {};
}

// A state or weight F32 of exactly this shape.
inline Result<void> check_shape(std::string_view op, const Graph& graph, TensorId id, const Shape& shape) {
  const Tensor& x = graph[id];
  if (x.type != Type::f32 || x.shape != shape) return bad_operand(op, graph, id, "F32 " + to_string(shape));
  return {};
}

// The state [count values] of a slot; a sequence that begins finds zeros.
inline float* state_of(const Execution& run, TensorId id, const StepSequence& sequence) {
  const Shape& shape = run.graph[id].shape;
  const int64_t count = shape.dim[0] * shape.dim[1] * shape.dim[2];
  float* state = run.f32(id) + sequence.slot * count;
  if (sequence.pos == 0) std::fill_n(state, count, 0.0f);
  return state;
}

// Bytes of a slot's state, read and written once a step.
inline double state_traffic(const Graph& graph, TensorId id) {
  return 2.0 * static_cast<double>(graph.bytes_max(id)) / static_cast<double>(graph.n_fixed());
}

}  // namespace lupo
