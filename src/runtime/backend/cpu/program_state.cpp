// Ops with a state of fixed size. Work is handed out by sequence and part of the state; a thread takes its part, which stays in
// the cache, through all tokens of the sequence.
#include <algorithm>

#include "runtime/backend/cpu/program.h"

namespace lupo::cpu {
namespace {

constexpr int64_t kChannelsOfTask = 256;  // conv
constexpr int64_t kFloatsOfTask = 4096;   // of a state: half of the first cache
constexpr int64_t kDeltaRunMin = 12;      // tokens of a sequence: fewer are faster one by one

// work(sequence, its first token, its state, task) for each of n_tasks parts of each sequence's state.
template <class Work>
void share_state(const StepContext& context, TensorId state, int64_t n_tasks, Work work) {
  const std::span<const StepSequence> sequences = context.execution.step.sequences;
  const Shape& shape = context.tensor(state).shape;
  share_rows(context, static_cast<int64_t>(sequences.size()) * n_tasks, [&](int64_t i) {
    const StepSequence& sequence = sequences[static_cast<size_t>(i / n_tasks)];
    int64_t first = 0;
    for (int64_t s = 0; s < i / n_tasks; ++s) first += sequences[static_cast<size_t>(s)].n_tokens;
    work(sequence, first, context.execution.f32(state) + sequence.slot * shape.dim[0] * shape.dim[1] * shape.dim[2], i % n_tasks);
  });
}

// A row of the token after the next: rows of successive tokens are too far apart for the hardware to foresee them.
void prefetch(const float* row, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(row + i);
}

void run_conv(const StepContext& context, const Node& node) {
  const auto f32 = [&](size_t i) { return context.execution.f32(node.in[i]); };
  const int64_t width = context.tensor(node.in[1]).shape.dim[0], n_channels = context.tensor(node.in[1]).shape.dim[1];
  share_state(context, node.in[3], (n_channels + kChannelsOfTask - 1) / kChannelsOfTask,
              [&](const StepSequence& sequence, int64_t first, float* state, int64_t task) {
                const int64_t c = task * kChannelsOfTask, n = std::min(kChannelsOfTask, n_channels - c);
                const float* x = f32(0) + first * n_channels + c;
                const float* bias = f32(2) == nullptr ? nullptr : f32(2) + c;
                state += c;
                if (sequence.pos == 0)
                  for (int64_t j = 0; j < width - 1; ++j) std::fill_n(state + j * n_channels, n, 0.0f);
                // Input t of the sequence; those before its first are in the state.
                const auto input = [&](int64_t t) { return (t < 0 ? state + (width - 1) * n_channels : x) + t * n_channels; };
                const float* rows[kConvWidthMax];  // [n] each
                for (int64_t t = 0; t < sequence.n_tokens; ++t) {
                  for (int64_t j = 0; j < width; ++j) rows[j] = input(t - width + 1 + j);
                  context.kernels.vector.conv(rows, width, f32(1) + c * width, bias,
                                              context.execution.f32(node.out) + (first + t) * n_channels + c, n);
                }
                for (int64_t j = 0; j < width - 1; ++j)  // ascending: a row is read before it is written
                  std::copy_n(input(sequence.n_tokens - width + 1 + j), n, state + j * n_channels);
              });
}

void run_scan(const StepContext& context, const Node& node) {
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  const auto f32 = [&](size_t i) { return context.execution.f32(node.in[i]); };
  const int64_t n_state = context.tensor(node.in[6]).shape.dim[0], n_a = context.tensor(node.in[2]).shape.dim[0];
  const int64_t of_group = scan.n_head / scan.n_group, head_floats = n_state * scan.head_dim;
  const int64_t n_heads = std::clamp<int64_t>(kFloatsOfTask / head_floats, 1, of_group);  // of a task
  const int64_t n_tasks = (of_group + n_heads - 1) / n_heads;                             // of a group
  share_state(context, node.in[6], scan.n_group * n_tasks,
              [&](const StepSequence& sequence, int64_t first, float* state, int64_t task) {
                const int64_t g = task / n_tasks, head = g * of_group + task % n_tasks * n_heads;
                const int64_t n = std::min(n_heads, (g + 1) * of_group - head);
                state += head * head_floats;
                if (sequence.pos == 0) std::fill_n(state, n * head_floats, 0.0f);
                for (int64_t t = first; t < first + sequence.n_tokens; ++t) {
                  const int64_t x = (t * scan.n_head + head) * scan.head_dim, group = (t * scan.n_group + g) * n_state;
                  if (t + 2 < first + sequence.n_tokens) {
                    prefetch(f32(0) + x + 2 * scan.n_head * scan.head_dim, n * scan.head_dim);
                    prefetch(f32(3) + group + 2 * scan.n_group * n_state, n_state);
                    prefetch(f32(4) + group + 2 * scan.n_group * n_state, n_state);
                  }
                  context.kernels.vector.scan({.x = f32(0) + x,
                                               .dt = f32(1) + t * scan.n_head + head,
                                               .a = f32(2) + head * n_a,
                                               .b = f32(3) + group,
                                               .c = f32(4) + group,
                                               .d = f32(5) + head,
                                               .out = context.execution.f32(node.out) + x,
                                               .n_head = n,
                                               .head_dim = scan.head_dim,
                                               .n_state = n_state,
                                               .n_a = n_a},
                                              state);
                }
              });
}

void delta_by_token(const VectorKernels& kernels, const DeltaRun& run, float* state) {
  for (int64_t t = 0; t < run.n_tokens; ++t) {
    const int64_t key = t * run.key_stride, value = t * run.value_stride, gate = t * run.gate_stride;
    if (t + 2 < run.n_tokens) {
      prefetch(run.q + key + 2 * run.key_stride, run.key_dim);
      prefetch(run.k + key + 2 * run.key_stride, run.key_dim);
      prefetch(run.v + value + 2 * run.value_stride, run.n);
    }
    kernels.delta({.q = run.q + key,
                   .k = run.k + key,
                   .v = run.v + value,
                   .g = run.g[gate],
                   .beta = run.beta[gate],
                   .out = run.out + value,
                   .key_dim = run.key_dim,
                   .n = run.n},
                  state);
  }
}

// Rows of a head's state, one for each of its values, that a thread takes: they are independent of each other. Tokens one by one
// want them in the first cache; many at once have products that all rows of a head share.
int64_t delta_rows_of_task(const StepContext& context, int64_t n_head, int64_t key_dim, int64_t value_dim) {
  const std::span<const StepSequence> sequences = context.execution.step.sequences;
  const auto n_long = std::count_if(sequences.begin(), sequences.end(), [](const auto& s) { return s.n_tokens >= kDeltaRunMin; });
  if (n_long * n_head >= 2 * context.pool.size()) return value_dim;
  return std::min(value_dim, std::max<int64_t>(4, kFloatsOfTask / key_dim / 4 * 4));
}

void run_delta(const StepContext& context, const Node& node, int thread) {
  const auto& delta = std::get<DeltaAttrs>(node.attrs);
  const auto f32 = [&](size_t i) { return context.execution.f32(node.in[i]); };
  const int64_t key_dim = context.tensor(node.in[5]).shape.dim[0], value_dim = context.tensor(node.in[5]).shape.dim[1];
  const int64_t n_rows = delta_rows_of_task(context, delta.n_head, key_dim, value_dim);
  const int64_t n_tasks = (value_dim + n_rows - 1) / n_rows;  // of a head
  share_state(context, node.in[5], delta.n_head * n_tasks,
              [&](const StepSequence& sequence, int64_t first, float* state, int64_t task) {
                const int64_t head = task / n_tasks, row = task % n_tasks * n_rows;
                const int64_t key = (first * delta.n_key_head + delta_key_head(delta, head)) * key_dim;
                const int64_t at = first * delta.n_head + head;
                const DeltaRun run{.q = f32(0) + key,
                                   .k = f32(1) + key,
                                   .v = f32(2) + at * value_dim + row,
                                   .g = f32(3) + at,
                                   .beta = f32(4) + at,
                                   .out = context.execution.f32(node.out) + at * value_dim + row,
                                   .key_stride = delta.n_key_head * key_dim,
                                   .value_stride = delta.n_head * value_dim,
                                   .gate_stride = delta.n_head,
                                   .n_tokens = sequence.n_tokens,
                                   .key_dim = key_dim,
                                   .n = std::min(n_rows, value_dim - row)};
                state += (head * value_dim + row) * key_dim;
                if (sequence.pos == 0) std::fill_n(state, run.n * key_dim, 0.0f);
                if (run.n_tokens >= kDeltaRunMin)
                  context.kernels.vector.delta_run(run, state, reinterpret_cast<float*>(context.thread_scratch(thread)));
                else
                  delta_by_token(context.kernels.vector, run, state);
              });
}

}  // namespace

void run_state(const StepContext& context, const Phase& phase, int thread) {
  const Node& node = context.node(phase.nodes.front());
  if (node.op() == Op::conv) return run_conv(context, node);
  if (node.op() == Op::scan) return run_scan(context, node);
  run_delta(context, node, thread);
}

}  // namespace lupo::cpu
