// Linears of one input: their rows are handed out in ranges.
#include <algorithm>

#include "runtime/backend/cpu/program.h"

namespace lupo::cpu {
namespace {

// Ranges of rows that a thread takes in one phase: enough for an even finish, few enough that the counter is no cost.
constexpr int64_t kRangesPerThread = 8;
// With few tokens there is no panel to fill and a range may be short.
constexpr int64_t kRowsMin = 8;

void multiply_rows(const StepContext& context, const Node& node, const Activations& x, int64_t begin, int64_t end,
                   void* scratch) {
  const Tensor& weight = context.tensor(node.in[0]);
  const int64_t n_out = weight.shape.dim[1];
  float* y = context.execution.f32(node.out);  // [F, T]
  const WeightRows rows{context.execution.bytes(node.in[0]), weight.type, weight.shape.dim[0]};
  context.kernels.matmul.find(weight.type).multiply(rows, begin, end, x, y, n_out, scratch);
  const float *bias = context.execution.f32(node.in[2]), *scale = context.execution.f32(node.in[3]);
  if (bias == nullptr && scale == nullptr) return;
  for (int64_t t = 0; t < x.n_tokens; ++t) {
    float* out = y + t * n_out + begin;
    if (scale != nullptr) context.kernels.vector.scale(out, *scale, out, end - begin);
    if (bias != nullptr) context.kernels.vector.add(out, bias + begin, out, end - begin);
  }
}

}  // namespace

void run_matmul(const StepContext& context, const Phase& phase, int thread) {
  const Node& first = context.node(phase.nodes.front());
  const int64_t k = context.tensor(first.in[0]).shape.dim[0];
  const int64_t n_tokens = context.n_rows(phase);
  const Activations x{context.execution.f32(first.in[1]), context.quantized_rows(k, n_tokens), n_tokens};
  int64_t n_rows = 0;
  for (int32_t i : phase.nodes) n_rows += context.tensor(context.node(i).in[0]).shape.dim[1];
  const int64_t tile = x.n_tokens < kFewTokens ? kRowsMin : context.kernels.matmul.row_tile;
  const int64_t wanted = n_rows / (kRangesPerThread * context.pool.size()), range = std::max<int64_t>(1, wanted / tile) * tile;
  int64_t task = context.next.fetch_add(1, std::memory_order_relaxed), task_begin = 0;
  for (int32_t i : phase.nodes) {
    const Node& node = context.node(i);
    const int64_t n_out = context.tensor(node.in[0]).shape.dim[1], n_tasks = (n_out + range - 1) / range;
    for (; task < task_begin + n_tasks; task = context.next.fetch_add(1, std::memory_order_relaxed)) {
      const int64_t begin = (task - task_begin) * range;
      multiply_rows(context, node, x, begin, std::min(begin + range, n_out), context.thread_scratch(thread));
    }
    task_begin += n_tasks;
  }
}

}  // namespace lupo::cpu
