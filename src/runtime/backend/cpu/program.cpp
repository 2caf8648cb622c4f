#include "runtime/backend/cpu/program.h"

#include <algorithm>
#include <chrono>

namespace lupo::cpu {
namespace {

// Floats below which a phase is not worth a barrier: a few µs of one core.
constexpr int64_t kShortFloats = 8192;
// Cost of one float of a rope table (a pow, a sin and a cos for two) in row-wise floats.
constexpr int64_t kTableCost = 64;

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Rows [K, n_tokens] in buffers of the workspace, from `row` on, their codes `code_offset` bytes on.
template <class Buffers>
QuantizedRows rows_in(const StepContext& context, const Buffers& at, int64_t k, int64_t n_tokens, int64_t row,
                      int64_t code_offset) {
  std::byte* codes = context.workspace + at.codes + code_offset;
  return {k,
          n_tokens,
          reinterpret_cast<ActivationChunk*>(codes),
          reinterpret_cast<uint8_t*>(codes),
          context.floats(at.scales) + row * k / 32,
          context.floats(at.sums) + row * k / 32,
          context.floats(at.sums_16) + row * k / 16,
          context.codes};
}

}  // namespace

QuantizedRows StepContext::quantized_rows(int64_t k, int64_t n_tokens) const { return rows_in(*this, layout, k, n_tokens, 0, 0); }

QuantizedRows StepContext::gathered_rows(int64_t k, int64_t n_tokens, int64_t row, int64_t code_offset) const {
  return rows_in(*this, layout.gathered, k, n_tokens, row, code_offset);
}

const float* StepContext::rope_cosine(int32_t node, int64_t token) const {
  const RopeTable& table = schedule.tables[static_cast<size_t>(schedule.table_of[static_cast<size_t>(node)])];
  return floats(table.offset) + token * table.attrs.n_rot;
}

CpuProgram::CpuProgram(const Graph& graph, const Kernels& kernels, Schedule schedule, const WorkspaceLayout& layout,
                       ProgramMemory memory, std::shared_ptr<ThreadPool> pool, ActivationBits precision)
    : graph_(graph),
      kernels_(kernels),
      schedule_(std::move(schedule)),
      layout_(layout),
      memory_(std::move(memory)),
      pool_(std::move(pool)),
      precision_(precision),
      parts_done_(static_cast<size_t>((kFewTokens - 1) * kPartsPerThread * pool_->size())) {}

Result<void> CpuProgram::run(const Step& step) {
  TRY(check_step(graph_, step));
  memory_.fill_inputs(graph_, step);
  const StepContext context{
      graph_, kernels_, schedule_,   layout_,       Execution{graph_, step, memory_.addresses()}, memory_.workspace(),
      *pool_, next_,    parts_done_, codes_of(step)};
  cursor_ = 0;
  if (trace_ != nullptr) phase_begin_ = seconds_now();
  run_short_phases(context);
  pool_->run([&](int thread) {
    while (cursor_ < schedule_.phases.size()) {
      run_parallel(context, schedule_.phases[cursor_], thread);
      pool_->barrier([&] { finish_phase(context); });
    }
  });
  return {};
}

// Many sequences, each with a token or a few, are bound by arithmetic, of which 8-bit codes are half.
StepCodes CpuProgram::codes_of(const Step& step) const {
  const bool is_batch = static_cast<int64_t>(step.sequences.size()) >= kFewTokens;
  const bool coarse = precision_ == ActivationBits::eight || (precision_ == ActivationBits::chosen && is_batch);
  return codes_of_step(static_cast<int64_t>(step.tokens.size()), coarse);
}

bool CpuProgram::is_short(const StepContext& context, const Phase& phase) const {
  const int64_t n_rows = context.n_rows(phase);
  if (n_rows == 0) return true;  // no outputs are wanted: whatever the phase is, there is nothing to do
  using Kind = Phase::Kind;
  const auto dim = [&](size_t in, size_t i) { return graph_[context.node(phase.main_node).in[in]].shape.dim[i]; };
  const auto n_used = [&] { return std::get<MoeAttrs>(context.node(phase.main_node).attrs).n_used; };
  switch (phase.kind) {
    case Kind::moe_route: return true;
    case Kind::moe_gather:
    case Kind::moe_sum: return n_rows == 1 || n_rows * n_used() * dim(0, 0) <= kShortFloats;
    case Kind::moe_act: return n_rows * n_used() * dim(4, 0) <= kShortFloats;
    case Kind::heads_gather: return n_rows * dim(1, 0) <= kShortFloats;
    case Kind::rows:
    case Kind::tables: break;
    default: return false;
  }
  int64_t width = phase.quantized == kNone ? 0 : graph_[phase.quantized].shape.dim[0];
  for (int32_t i : phase.nodes) width += graph_[context.node(i).out].shape.dim[0];
  if (phase.kind == Phase::Kind::tables)
    for (const RopeTable& table : schedule_.tables) width += table.attrs.n_rot * kTableCost;
  return n_rows == 1 || n_rows * width <= kShortFloats;
}

void CpuProgram::run_short_phases(const StepContext& context) {
  for (; cursor_ < schedule_.phases.size(); ++cursor_) {
    const Phase& phase = schedule_.phases[cursor_];
    if (!is_short(context, phase)) break;
    if (phase.kind != Phase::Kind::rows && phase.kind != Phase::Kind::tables) {
      next_.store(0, std::memory_order_relaxed);
      if (context.n_rows(phase) > 0) run_parallel(context, phase, 0);
    } else {
      for (int64_t row = 0, n = context.n_rows(phase); row < n; ++row) run_row(context, phase, row);
    }
    record(context, phase);
  }
  next_.store(0, std::memory_order_relaxed);
}

void CpuProgram::finish_phase(const StepContext& context) {
  record(context, schedule_.phases[cursor_]);
  ++cursor_;
  run_short_phases(context);
}

void CpuProgram::record(const StepContext& context, const Phase& phase) {
  if (trace_ == nullptr) return;
  // A mixture is one node of six phases, whose time is counted with the last.
  if (phase.kind >= Phase::Kind::moe_route && phase.kind != Phase::Kind::moe_sum) return;
  const double now = seconds_now(), seconds = now - phase_begin_;
  phase_begin_ = now;
  if (phase.kind != Phase::Kind::matmul) return trace_->push_back({phase.main_node, seconds});
  // Products of one input run together: each gets its share, by bytes where reading is what takes the time, else by rows.
  const bool is_few = context.n_rows(phase) < kFewTokens;
  const auto share = [&](int32_t i) {
    const Tensor& weight = graph_[context.node(i).in[0]];
    return static_cast<double>(weight.shape.dim[1] * (is_few ? row_bytes(weight.type, weight.shape.dim[0]) : 1));
  };
  double total = 0;
  for (int32_t i : phase.nodes) total += share(i);
  for (int32_t i : phase.nodes) trace_->push_back({i, seconds * share(i) / total});
}

void CpuProgram::run_parallel(const StepContext& context, const Phase& phase, int thread) {
  if (phase.kind == Phase::Kind::matmul) return run_matmul(context, phase, thread);
  if (phase.kind == Phase::Kind::attend) return run_attend(context, phase, thread);
  if (phase.kind == Phase::Kind::heads_gather || phase.kind == Phase::Kind::heads_multiply)
    return run_heads(context, phase, thread);
  if (phase.kind == Phase::Kind::state) return run_state(context, phase, thread);
  if (phase.kind >= Phase::Kind::moe_route) return run_moe(context, phase, thread);
  share_rows(context, context.n_rows(phase), [&](int64_t row) { run_row(context, phase, row); });
}

std::span<const float> CpuProgram::result(int64_t o) const {
  const int64_t width = graph_[graph_.result].shape.dim[0];
  const auto* all = reinterpret_cast<const float*>(memory_.addresses()[static_cast<size_t>(graph_.result)]);  // [width, O]
  return {all + o * width, static_cast<size_t>(width)};
}

std::span<std::byte> CpuProgram::state(TensorId id) {
  return {memory_.addresses()[static_cast<size_t>(id)], static_cast<size_t>(graph_.bytes_max(id))};
}

}  // namespace lupo::cpu
