// Mixtures of experts: the tokens of an expert are multiplied together, each weight that is used is read once.
//
// A row of A = T · n_used is one token in one of its experts; rows are sorted by expert. Of each phase all threads take pieces.
// One token alone is quantized once, for all its experts.
#include <algorithm>

#include "runtime/backend/cpu/program.h"

namespace lupo::cpu {
namespace {

class Mixture {
 public:
  Mixture(const StepContext& context, const Phase& phase)
      : context_(context),
        node_(context.node(phase.nodes.front())),
        attrs_(std::get<MoeAttrs>(node_.attrs)),
        n_tokens_(context.n_rows(phase)),
        n_rows_(n_tokens_ * attrs_.n_used),
        begin_(ints(layout().begin)),
        code_begin_(reinterpret_cast<int64_t*>(context.workspace + layout().code_begin)),
        tokens_(ints(layout().tokens)),
        slots_(ints(layout().slots)),
        weights_(context.floats(layout().weights)) {}

  void route_all() const {
    std::fill_n(begin_, attrs_.n_expert + 1, 0);
    int32_t* experts = ints(layout().inputs);  // [n_used, T], before their place is needed
    float* weights = context_.floats(layout().gate);
    for (int64_t t = 0; t < n_tokens_; ++t) {
      const int64_t at = t * attrs_.n_used;
      route(attrs_, f32(1) + t * attrs_.n_expert, f32(5), experts + at, weights + at);
      for (int64_t i = 0; i < attrs_.n_used; ++i) ++begin_[experts[at + i] + 1];
    }
    for (int64_t e = 0; e < attrs_.n_expert; ++e) begin_[e + 1] += begin_[e];
    for (int64_t at = 0; at < n_rows_; ++at) {
      const int32_t row = begin_[experts[at]]++;  // afterwards begin_[e] is where e ends
      tokens_[row] = static_cast<int32_t>(at / attrs_.n_used);
      slots_[at] = row;
      weights_[row] = weights[at];
    }
    for (int64_t e = attrs_.n_expert; e > 0; --e) begin_[e] = begin_[e - 1];
    begin_[0] = 0;
    place_codes(weight(2).shape.dim[0], code_begin_);
    place_codes(weight(4).shape.dim[0], code_begin_ + attrs_.n_expert);
  }

  // What gate and up read is gathered in so many rows.
  int64_t n_inputs() const { return is_one_input() ? 1 : n_rows_; }
  bool is_one_input() const { return n_tokens_ == 1 && !attrs_.weighs_input; }

  // Row `row` of the activations that the weight `in` is multiplied with, from x [K].
  void put(size_t in, int64_t row, const float* x) const {
    const int64_t e = expert_of(row);
    context_.kernels.matmul.quantize(x, rows_of(in, e), row - begin_[e]);
  }
  void gather(int64_t row) const {
    const int64_t width = weight(2).shape.dim[0];
    const float* x = f32(0) + tokens_[row] * width;
    float* input = inputs() + row * width;
    if (attrs_.weighs_input) {
      context_.kernels.vector.scale(x, weights_[row], input, width);
      x = input;
    } else if (!quantizes(2) || (has_up() && !quantizes(3))) {
      std::copy_n(x, width, input);
    }
    if (quantizes(2) || (has_up() && quantizes(3))) put(2, row, x);
  }
  void act(int64_t row) const {
    const int64_t n_ff = weight(4).shape.dim[0];
    float *gate = gates() + row * n_ff, *up = ups() + row * n_ff;
    finish(2, row, n_ff, gate);
    if (has_up()) finish(3, row, n_ff, up);
    if (has_up() && attrs_.limit > 0) clamp(gate, up, n_ff);
    has_up() ? context_.kernels.vector.glu(attrs_.act, gate, up, gate, n_ff)
             : context_.kernels.vector.activate(attrs_.act, gate, gate, n_ff);
    if (quantizes(4)) put(4, row, gate);
  }
  void sum(int64_t token) const {
    const int64_t width = weight(4).shape.dim[1];
    float* out = context_.execution.f32(node_.out) + token * width;  // [C]
    std::fill_n(out, width, 0.0f);
    for (int64_t i = 0; i < attrs_.n_used; ++i) {
      const int32_t row = slots_[token * attrs_.n_used + i];
      float* part = inputs() + row * width;
      finish(4, row, width, part);
      const float weight = attrs_.weighs_input ? 1 : weights_[row];
      for (int64_t c = 0; c < width; ++c) out[c] += weight * part[c];
    }
  }

  // Products of every expert in use with its rows, for weights in[0], in[1], …, each to out[…] [n_out, A].
  void multiply(std::span<const size_t> in, const float* x, std::span<float* const> out, int thread) const {
    const int64_t n_out = weight(in[0]).shape.dim[1], range = rows_of_task(n_out, static_cast<int64_t>(in.size()));
    const int64_t n_ranges = (n_out + range - 1) / range;
    int64_t task = context_.next.fetch_add(1, std::memory_order_relaxed), first = 0;
    for (int64_t e = 0; e < attrs_.n_expert; ++e) {
      const int64_t count = begin_[e + 1] - begin_[e];
      if (count == 0) continue;
      const int64_t n_tasks = n_ranges * static_cast<int64_t>(in.size());
      for (; task < first + n_tasks; task = context_.next.fetch_add(1, std::memory_order_relaxed)) {
        const int64_t which = (task - first) / n_ranges, begin = (task - first) % n_ranges * range;
        multiply_range(in[static_cast<size_t>(which)], e, begin, std::min(begin + range, n_out), x,
                       out[static_cast<size_t>(which)], thread);
      }
      first += n_tasks;
    }
  }

  int64_t n_rows() const { return n_rows_; }
  bool has_up() const { return node_.in[3] != kNone; }
  int64_t n_tokens() const { return n_tokens_; }
  // F32 activations: those of gate and up lie where the down products come later, those of down are act's results.
  float* inputs() const { return context_.floats(layout().inputs); }
  float* gates() const { return context_.floats(layout().gate); }
  float* ups() const { return context_.floats(layout().up); }

 private:
  const WorkspaceLayout::Gathered& layout() const { return context_.layout.gathered; }
  int32_t* ints(int64_t offset) const { return reinterpret_cast<int32_t*>(context_.workspace + offset); }
  const float* f32(size_t i) const { return context_.execution.f32(node_.in[i]); }
  const Tensor& weight(size_t i) const { return context_.tensor(node_.in[i]); }
  bool quantizes(size_t i) const { return context_.kernels.matmul.find(weight(i).type).quantizes; }
  // The scale and the bias of a row's expert on what the weight `in` gave.
  void finish(size_t in, int64_t row, int64_t n, float* y) const {
    const float *bias = f32(in + kMoeBias), *scale = f32(in + kMoeScale);  // [n, E], [E]
    if (scale != nullptr) context_.kernels.vector.scale(y, scale[expert_of(row)], y, n);
    if (bias != nullptr) context_.kernels.vector.add(y, bias + expert_of(row) * n, y, n);
  }
  // Makes silu(gate) · up what MoeAttrs::limit says: g · sigmoid(s g) = silu(s g) / s.
  void clamp(float* gate, float* up, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) {
      gate[i] = kOssSlope * std::min(gate[i], attrs_.limit);
      up[i] = (std::clamp(up[i], -attrs_.limit, attrs_.limit) + 1) / kOssSlope;
    }
  }
  // One token alone reads its few experts in long runs, as fast as the memory gives them.
  int64_t rows_of_task(int64_t n_out, int64_t n_weights) const {
    constexpr int64_t kTasksPerThread = 8;
    const int64_t wanted = n_out * n_weights * attrs_.n_used / (kTasksPerThread * context_.pool.size());
    return n_tokens_ == 1 ? std::max(kRowsOfTask, wanted / kRowsOfTask * kRowsOfTask) : kRowsOfTask;
  }
  int64_t expert_of(int64_t row) const { return std::upper_bound(begin_, begin_ + attrs_.n_expert + 1, row) - begin_ - 1; }

  // The codes of expert e's rows that the weight `in` is multiplied with, as fine as those of a dense product with all tokens; of
  // one token alone gate and up have the same.
  QuantizedRows rows_of(size_t in, int64_t e) const {
    const int64_t k = weight(in).shape.dim[0], n_tokens = begin_[e + 1] - begin_[e];
    if (in != 4 && is_one_input()) return context_.gathered_rows(k, n_tokens, 0, 0);
    return context_.gathered_rows(k, n_tokens, begin_[e], code_begin_[in == 4 ? attrs_.n_expert + e : e]);
  }
  // Where the codes of each expert's rows of K values begin.
  void place_codes(int64_t k, int64_t* out) const {
    int64_t offset = 0;
    for (int64_t e = 0; e < attrs_.n_expert; ++e) {
      out[e] = offset;
      offset += gathered_code_bytes(k, begin_[e + 1] - begin_[e]);
    }
  }

  void multiply_range(size_t in, int64_t e, int64_t begin, int64_t end, const float* x, float* out, int thread) const {
    const Tensor& tensor = weight(in);
    const int64_t k = tensor.shape.dim[0], n_out = tensor.shape.dim[1], row = begin_[e], count = begin_[e + 1] - row;
    const std::byte* data = context_.execution.bytes(node_.in[in]) + e * tensor.rows_apart * row_bytes(tensor.type, k);
    context_.kernels.matmul.find(tensor.type)
        .multiply({data, tensor.type, k}, begin, end, {in != 4 && is_one_input() ? x : x + row * k, rows_of(in, e), count},
                  out + row * n_out, n_out, context_.thread_scratch(thread));
  }

  const StepContext& context_;
  const Node& node_;
  const MoeAttrs& attrs_;
  int64_t n_tokens_, n_rows_;
  int32_t* begin_;       // [E + 1] first row of each expert
  int64_t* code_begin_;  // [E, 2]
  int32_t* tokens_;      // [A] the token of a row
  int32_t* slots_;       // [n_used, T] the rows of a token
  float* weights_;       // [A]
};

}  // namespace

void run_moe(const StepContext& context, const Phase& phase, int thread) {
  const Mixture moe(context, phase);
  switch (phase.kind) {
    case Phase::Kind::moe_route: return moe.route_all();
    case Phase::Kind::moe_gather: return share_rows(context, moe.n_inputs(), [&](int64_t row) { moe.gather(row); });
    case Phase::Kind::moe_up:
      if (!moe.has_up()) return moe.multiply(std::array<size_t, 1>{2}, moe.inputs(), std::array{moe.gates()}, thread);
      return moe.multiply(std::array<size_t, 2>{2, 3}, moe.inputs(), std::array{moe.gates(), moe.ups()}, thread);
    case Phase::Kind::moe_act: return share_rows(context, moe.n_rows(), [&](int64_t row) { moe.act(row); });
    case Phase::Kind::moe_down: return moe.multiply(std::array<size_t, 1>{4}, moe.gates(), std::array{moe.inputs()}, thread);
    default: return share_rows(context, moe.n_tokens(), [&](int64_t token) { moe.sum(token); });
  }
}

}  // namespace lupo::cpu
