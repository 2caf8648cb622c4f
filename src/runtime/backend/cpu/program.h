// A compiled graph on a thread pool: one job a step, one barrier a phase (program_fuse.h).
//
// Phases hand out work by an atomic counter. Short row-wise phases (decode: a few KB) are run by the thread that arrives last at
// the barrier before them. Nothing is allocated while a step runs.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "graph/ops/op.h"
#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/backend/cpu/program_fuse.h"
#include "runtime/backend/program_memory.h"

namespace lupo::cpu {

// What the phases of a step share.
struct StepContext {
  const Graph& graph;
  const Kernels& kernels;
  const Schedule& schedule;
  const WorkspaceLayout& layout;
  Execution execution;  // addresses and the step
  std::byte* workspace;
  ThreadPool& pool;
  std::atomic<int64_t>& next;                  // next piece of work of the phase; 0 when it begins
  std::span<std::atomic<int32_t>> parts_done;  // [kFewTokens − 1, kPartsPerThread · threads], 0 between phases
  StepCodes codes;

  int64_t n_rows(const Phase& phase) const { return phase.over_outputs ? execution.n_outputs() : execution.n_tokens(); }
  const Node& node(int32_t i) const { return graph.nodes[static_cast<size_t>(i)]; }
  const Tensor& tensor(TensorId id) const { return graph[id]; }
  float* floats(int64_t offset) const { return reinterpret_cast<float*>(workspace + offset); }
  std::byte* thread_scratch(int thread) const { return workspace + layout.threads + thread * layout.thread_bytes; }
  QuantizedRows quantized_rows(int64_t k, int64_t n_tokens) const;
  // n_tokens rows of K values gathered for one expert or head: from `row` of all rows on, their codes `code_offset` bytes on.
  QuantizedRows gathered_rows(int64_t k, int64_t n_tokens, int64_t row, int64_t code_offset) const;
  const float* rope_cosine(int32_t node, int64_t token) const;  // [n_rot/2], the sines [n_rot/2] follow
};

// Rows of the weight of an expert or a head that a thread takes at a time.
inline constexpr int64_t kRowsOfTask = 64;

// One row of a phase of kind rows or tables.
void run_row(const StepContext& context, const Phase& phase, int64_t row);
// The share of one thread; all threads call them together.
void run_matmul(const StepContext& context, const Phase& phase, int thread);
void run_attend(const StepContext& context, const Phase& phase, int thread);
void run_state(const StepContext& context, const Phase& phase, int thread);
void run_heads(const StepContext& context, const Phase& phase, int thread);
void run_moe(const StepContext& context, const Phase& phase, int thread);  // moe_route: by one thread
// Applies a norm or rope node to one head [D] of a token.
void run_head(const StepContext& context, int32_t node, int64_t token, const float* x, float* out);

// work(i) for i < n, in pieces that all threads take.
template <class Work>
void share_rows(const StepContext& context, int64_t n, Work work) {
  const int64_t piece = std::max<int64_t>(1, n / (4 * context.pool.size()));
  for (int64_t begin; (begin = context.next.fetch_add(piece, std::memory_order_relaxed)) < n;)
    for (int64_t i = begin; i < std::min(begin + piece, n); ++i) work(i);
}

class CpuProgram final : public Program {
 public:
  CpuProgram(const Graph& graph, const Kernels& kernels, Schedule schedule, const WorkspaceLayout& layout, ProgramMemory memory,
             std::shared_ptr<ThreadPool> pool, ActivationBits precision);

  Result<void> run(const Step& step) override;
  std::span<const float> result(int64_t o) const override;
  std::span<std::byte> state(TensorId id) override;
  MemoryBytes allocated() const override { return memory_.allocated(); }
  void trace(std::vector<NodeTime>* sink) override { trace_ = sink; }

 private:
  StepCodes codes_of(const Step& step) const;
  bool is_short(const StepContext& context, const Phase& phase) const;
  void run_parallel(const StepContext& context, const Phase& phase, int thread);
  void finish_phase(const StepContext& context);
  void run_short_phases(const StepContext& context);
  void record(const StepContext& context, const Phase& phase);

  Graph graph_;
  const Kernels& kernels_;
  Schedule schedule_;
  WorkspaceLayout layout_;
  ProgramMemory memory_;
  std::shared_ptr<ThreadPool> pool_;
  ActivationBits precision_;
  std::vector<std::atomic<int32_t>> parts_done_;
  std::vector<NodeTime>* trace_ = nullptr;
  double phase_begin_ = 0;  // seconds of the steady clock, while tracing
  size_t cursor_ = 0;       // the phase being run; written by one thread inside a barrier
  alignas(64) std::atomic<int64_t> next_{0};
};

}  // namespace lupo::cpu
