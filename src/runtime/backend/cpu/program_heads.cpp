// Linears of which each head has a weight of its own: the rows of a head are gathered, so that they are one product.
#include <algorithm>

#include "runtime/backend/cpu/program.h"

namespace lupo::cpu {
namespace {

class Heads {
 public:
  Heads(const StepContext& context, const Phase& phase)
      : context_(context),
        node_(context.node(phase.nodes.front())),
        weight_(context.tensor(node_.in[0])),
        kernels_(context.kernels.matmul.find(weight_.type)),
        k_(weight_.shape.dim[0]),
        n_out_(weight_.shape.dim[1]),
        n_head_(weight_.shape.dim[2]),
        n_tokens_(context.n_rows(phase)) {}

  // All heads of one token.
  void gather(int64_t token) const {
    const float* x = context_.execution.f32(node_.in[1]) + token * n_head_ * k_;  // [K, H]
    for (int64_t h = 0; h < n_head_; ++h, x += k_)
      if (kernels_.quantizes)
        context_.kernels.matmul.quantize(x, codes(h), token);
      else
        std::copy_n(x, k_, rows(h) + token * k_);
  }

  void multiply(int thread) const {
    const int64_t n_ranges = (n_out_ + kRowsOfTask - 1) / kRowsOfTask, head_bytes = n_out_ * row_bytes(weight_.type, k_);
    for (int64_t task; (task = context_.next.fetch_add(1, std::memory_order_relaxed)) < n_ranges * n_head_;) {
      const int64_t h = task / n_ranges, begin = task % n_ranges * kRowsOfTask;
      kernels_.multiply({context_.execution.bytes(node_.in[0]) + h * head_bytes, weight_.type, k_}, begin,
                        std::min(begin + kRowsOfTask, n_out_), {rows(h), codes(h), n_tokens_},
                        context_.execution.f32(node_.out) + h * n_out_, n_head_ * n_out_, context_.thread_scratch(thread));
    }
  }

  int64_t n_tokens() const { return n_tokens_; }

 private:
  // The activations [K, T] of a head, in the form that its product reads.
  float* rows(int64_t h) const { return context_.floats(context_.layout.gathered.inputs) + h * n_tokens_ * k_; }
  QuantizedRows codes(int64_t h) const {
    return context_.gathered_rows(k_, n_tokens_, h * n_tokens_, h * gathered_code_bytes(k_, n_tokens_));
  }

  const StepContext& context_;
  const Node& node_;
  const Tensor& weight_;
  MatmulKernels kernels_;
  int64_t k_, n_out_, n_head_, n_tokens_;  // K, F, H, T
};

}  // namespace

void run_heads(const StepContext& context, const Phase& phase, int thread) {
  const Heads heads(context, phase);
  if (phase.kind == Phase::Kind::heads_gather)
    share_rows(context, heads.n_tokens(), [&](int64_t token) { heads.gather(token); });
  else
    heads.multiply(thread);
}

}  // namespace lupo::cpu
