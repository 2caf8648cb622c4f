// Row-wise nodes: each computes one row of its result from the same row of its operands.
#include <cstring>

#include "runtime/backend/cpu/program.h"

namespace lupo::cpu {
namespace {

// One node on one row; `in` gives the row of an activation or the whole of a weight.
class RowNode {
 public:
  RowNode(const StepContext& context, int32_t index, int64_t row)
      : context_(context),
        index_(index),
        node_(context.node(index)),
        row_(row),
        n_(context.tensor(node_.out).shape.dim[0]),
        out_(row_of(node_.out)) {}

  void run() const { std::visit(*this, node_.attrs); }

  void operator()(const EmbedAttrs& attrs) const {
    const Tensor& table = context_.tensor(node_.in[0]);
    const int32_t id = context_.execution.i32(node_.in[1])[row_];
    type_info(table.type).to_float(context_.execution.bytes(node_.in[0]) + id * row_bytes(table.type, n_), out_, n_);
    if (attrs.scale != 1) vector().scale(out_, attrs.scale, out_, n_);
  }
  void operator()(const NormAttrs& norm) const {
    for (int64_t i = 0; i < n_; i += norm.width) run_norm(norm, in(0) + i, out_ + i);
  }
  void operator()(const RopeAttrs& rope) const {
    for (int64_t i = 0; i < n_; i += rope.head_dim) run_rope(rope, in(0) + i, out_ + i);
  }
  void operator()(const GluAttrs& glu) const { vector().glu(glu.act, in(0), in(1), out_, n_); }
  void operator()(const ActivateAttrs& activate) const { vector().activate(activate.act, in(0), out_, n_); }
  void operator()(const AddAttrs&) const { vector().add(in(0), in(1), out_, n_); }
  void operator()(const MulAttrs&) const {
    const Tensor& b = context_.tensor(node_.in[1]);
    const bool is_one = n_ > 1 && b.shape.dim[0] == 1 && (b.life != Life::weight || b.shape.dim[1] == 1);
    is_one ? vector().scale(in(0), *in(1), out_, n_) : vector().mul(in(0), in(1), out_, n_);
  }
  void operator()(const ScaleAttrs& scale) const { vector().scale(in(0), scale.factor, out_, n_); }
  void operator()(const SoftcapAttrs& softcap) const { vector().softcap(in(0), softcap.cap, out_, n_); }
  void operator()(const SelectAttrs&) const {
    const int64_t source = context_.execution.i32(node_.in[1])[row_];
    std::memcpy(out_, context_.execution.f32(node_.in[0]) + source * n_, static_cast<size_t>(n_) * sizeof(float));
  }
  void operator()(const SliceAttrs& slice) const { slice_row(slice, width(0), in(0), out_); }
  void operator()(const JoinAttrs& join) const { join_row(join, width(0), width(1), in(0), in(1), out_); }
  void operator()(const LinearAttrs&) const {}  // never row-wise: program_matmul.cpp
  void operator()(const AttendAttrs&) const {}  // program_attend.cpp
  void operator()(const MoeAttrs&) const {}     // program_moe.cpp
  void operator()(const ConvAttrs&) const {}    // program_state.cpp, as the two that follow
  void operator()(const ScanAttrs&) const {}
  void operator()(const DeltaAttrs&) const {}

  void run_norm(const NormAttrs& norm, const float* x, float* out) const {
    vector().norm(x, context_.execution.f32(node_.in[1]), context_.execution.f32(node_.in[2]), out, norm.width, norm.eps,
                  norm.rms);
  }
  void run_rope(const RopeAttrs& rope, const float* x, float* out) const {
    const float* cosine = context_.rope_cosine(index_, row_);
    vector().rope(x, out, rope.head_dim, rope.n_rot, rope.neox, cosine, cosine + rope.n_rot / 2);
  }

 private:
  const VectorKernels& vector() const { return context_.kernels.vector; }
  float* row_of(TensorId id) const {
    const Tensor& tensor = context_.tensor(id);
    return context_.execution.f32(id) + (tensor.life == Life::weight ? 0 : row_ * tensor.shape.dim[0]);
  }
  const float* in(size_t i) const { return row_of(node_.in[i]); }
  int64_t width(size_t i) const { return context_.tensor(node_.in[i]).shape.dim[0]; }

  const StepContext& context_;
  int32_t index_;
  const Node& node_;
  int64_t row_;
  int64_t n_;  // width of the result
  float* out_;
};

}  // namespace

void run_row(const StepContext& context, const Phase& phase, int64_t row) {
  if (phase.kind == Phase::Kind::tables) {
    const int32_t position = context.execution.i32(context.graph.positions)[row];
    for (const RopeTable& table : context.schedule.tables) {
      float* cosine = context.floats(table.offset) + row * table.attrs.n_rot;
      rope_table(table.attrs, position, context.execution.f32(table.factors), cosine, cosine + table.attrs.n_rot / 2);
    }
    return;
  }
  for (int32_t i : phase.nodes) RowNode(context, i, row).run();
  if (phase.quantized == kNone) return;
  const int64_t k = context.tensor(phase.quantized).shape.dim[0];
  context.kernels.matmul.quantize(context.execution.f32(phase.quantized) + row * k,
                                  context.quantized_rows(k, context.n_rows(phase)), row);
}

void run_head(const StepContext& context, int32_t node, int64_t token, const float* x, float* out) {
  const RowNode row(context, node, token);
  if (const auto* norm = std::get_if<NormAttrs>(&context.node(node).attrs))
    row.run_norm(*norm, x, out);
  else
    row.run_rope(std::get<RopeAttrs>(context.node(node).attrs), x, out);
}

}  // namespace lupo::cpu
