// Shape checks shared by the ops' infer functions.
#pragma once

#include <fmt/format.h>

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

}  // namespace lupo
