// slice: a part of each group of values; join: two values of each group side by side. What heads that share a weight need.
#include <algorithm>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer_slice(const Graph& graph, const Node& node) {
  const auto& slice = std::get<SliceAttrs>(node.attrs);
  TRY(check_rows("slice", graph, node.in[0], 0));
  const Shape& x = graph[node.in[0]].shape;
  if (slice.n_group < 1 || x.dim[0] % slice.n_group != 0 || slice.offset < 0 || slice.size < 1 ||
      slice.offset + slice.size > x.dim[0] / slice.n_group)
    return bad_operand("slice", graph, node.in[0],
                       fmt::format("{} groups of at least {} values", slice.n_group, slice.offset + slice.size));
  return Shape{{slice.n_group * slice.size, x.dim[1], 1, 1}};
}

Result<Shape> infer_join(const Graph& graph, const Node& node) {
  const auto& join = std::get<JoinAttrs>(node.attrs);
  TRY(check_rows("join", graph, node.in[0], 0));
  TRY(check_rows("join", graph, node.in[1], 0));
  const Shape &a = graph[node.in[0]].shape, &b = graph[node.in[1]].shape;
  if (join.n_group < 1 || a.dim[0] % join.n_group != 0)
    return bad_operand("join", graph, node.in[0], fmt::format("{} groups", join.n_group));
  if (a.dim[1] != b.dim[1] || (!join.is_shared && b.dim[0] % join.n_group != 0))
    return bad_operand("join", graph, node.in[1], fmt::format("{} groups in the rows of {}", join.n_group, to_string(a)));
  return Shape{{a.dim[0] + b.dim[0] * (join.is_shared ? join.n_group : 1), a.dim[1], 1, 1}};
}

Cost cost(const Graph&, const Node&, int64_t, int64_t, int64_t) { return {}; }

// A row of an operand of the node that `out` is a row of.
template <class RowFunction>
void each_row(const Execution& run, const Node& node, RowFunction function) {
  const auto row_of = [&](TensorId id, int64_t row) { return run.f32(id) + row * run.graph[id].shape.dim[0]; };
  for (int64_t row = 0; row < run.rows(node.out); ++row) function([&](TensorId id) { return row_of(id, row); });
}

void reference_slice(const Execution& run, const Node& node) {
  each_row(run, node, [&](auto row) {
    slice_row(std::get<SliceAttrs>(node.attrs), run.graph[node.in[0]].shape.dim[0], row(node.in[0]), row(node.out));
  });
}

void reference_join(const Execution& run, const Node& node) {
  each_row(run, node, [&](auto row) {
    join_row(std::get<JoinAttrs>(node.attrs), run.graph[node.in[0]].shape.dim[0], run.graph[node.in[1]].shape.dim[0],
             row(node.in[0]), row(node.in[1]), row(node.out));
  });
}

}  // namespace

void slice_row(const SliceAttrs& slice, int64_t n, const float* x, float* out) {
  const int64_t width = n / slice.n_group;
  for (int64_t g = 0; g < slice.n_group; ++g) std::copy_n(x + g * width + slice.offset, slice.size, out + g * slice.size);
}

void join_row(const JoinAttrs& join, int64_t n_a, int64_t n_b, const float* a, const float* b, float* out) {
  const int64_t width_a = n_a / join.n_group, width_b = join.is_shared ? n_b : n_b / join.n_group;
  for (int64_t g = 0; g < join.n_group; ++g, a += width_a, b += join.is_shared ? 0 : width_b) {
    out = std::copy_n(a, width_a, out);
    out = std::copy_n(b, width_b, out);
  }
}

const OpInfo slice_op{"slice", infer_slice, cost, reference_slice};
const OpInfo join_op{"join", infer_join, cost, reference_join};

}  // namespace lupo
