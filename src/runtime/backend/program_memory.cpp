#include "runtime/backend/program_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace lupo {

Result<ProgramMemory> ProgramMemory::create(const Graph& graph, const Plan& plan, const WeightData& weights) {
  ProgramMemory memory;
  TRY_ASSIGN(memory.scratch_, Arena::create(plan.scratch_arena_bytes));
  TRY_ASSIGN(memory.state_, Arena::create(plan.state_arena_bytes));
  TRY_ASSIGN(memory.workspace_, Arena::create(plan.workspace_bytes));
  memory.address_.assign(graph.tensors.size(), nullptr);
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    const int64_t bytes = graph.bytes_max(static_cast<TensorId>(i));
    if (tensor.life == Life::weight) {
      // Only read: the mapping itself is write-protected.
      memory.address_[i] = const_cast<std::byte*>(weights(static_cast<TensorId>(i)));
      memory.bytes_.weights += bytes;
    } else if (plan.offset[i] >= 0) {
      memory.address_[i] = (tensor.life == Life::state ? memory.state_ : memory.scratch_).data() + plan.offset[i];
    }
  }
  int64_t fixed_bytes = 0;
  for (size_t i = 0; i < graph.tensors.size(); ++i)
    if (graph.tensors[i].policy == StatePolicy::fixed)
      fixed_bytes += (graph.bytes_max(static_cast<TensorId>(i)) + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  memory.bytes_.state = fixed_bytes;
  memory.bytes_.kv = memory.state_.bytes() - fixed_bytes;
  memory.bytes_.scratch = memory.scratch_.bytes() + memory.workspace_.bytes();
  return memory;
}

void ProgramMemory::fill_inputs(const Graph& graph, const Step& step) const {
  const auto at = [&](TensorId id) { return reinterpret_cast<int32_t*>(address_[static_cast<size_t>(id)]); };
  std::copy(step.tokens.begin(), step.tokens.end(), at(graph.tokens));
  std::copy(step.outputs.begin(), step.outputs.end(), at(graph.outputs));
  int32_t* position = at(graph.positions);
  for (const StepSequence& sequence : step.sequences)
    for (int32_t i = 0; i < sequence.n_tokens; ++i) *position++ = static_cast<int32_t>(sequence.pos) + i;
}

Result<void> check_step(const Graph& graph, const Step& step) {
  const auto refuse = [](std::string what) {
    return fail(Layer::runtime, "bad-step", std::move(what), "--ctx with a greater number, or a shorter prompt");
  };
  const int64_t n_tokens = static_cast<int64_t>(step.tokens.size()), n_outputs = static_cast<int64_t>(step.outputs.size());
  if (n_tokens < 1 || n_tokens > graph.n_batch)
    return refuse(fmt::format("{} tokens in a step, 1 to {} are possible", n_tokens, graph.n_batch));
  if (n_outputs > graph.n_outputs)
    return refuse(fmt::format("{} output rows in a step, at most {} are possible", n_outputs, graph.n_outputs));
  int64_t sum = 0;
  for (size_t i = 0; i < step.sequences.size(); ++i) {
    const StepSequence& s = step.sequences[i];
    if (s.slot < 0 || s.slot >= graph.n_seq) return refuse(fmt::format("slot {} of {}", s.slot, graph.n_seq));
    for (size_t j = 0; j < i; ++j)
      if (step.sequences[j].slot == s.slot) return refuse(fmt::format("slot {} twice in a step", s.slot));
    if (s.n_tokens < 1 || s.pos < 0 || s.pos + s.n_tokens > graph.n_ctx)
      return refuse(fmt::format("{} tokens at position {} of a context of {}", s.n_tokens, s.pos, graph.n_ctx));
    sum += s.n_tokens;
  }
  if (sum != n_tokens) return refuse(fmt::format("sequences hold {} tokens, the step {}", sum, n_tokens));
  for (const Node& node : graph.nodes) {
    if (node.op() == Op::attend && node.in[3] == kNone)
      for (const StepSequence& s : step.sequences)
        if (s.pos != 0)
          return fail(Layer::runtime, "bad-step",
                      fmt::format("a step that begins at position {}: this model reads a whole text in one step", s.pos),
                      "--ctx and the batch at least as long as the text");
    if (node.op() != Op::embed || node.in[1] != graph.tokens) continue;  // positions are bounded by the context
    const int64_t n_vocab = graph[node.in[0]].shape.dim[1];
    for (int32_t id : step.tokens)
      if (id < 0 || id >= n_vocab) return refuse(fmt::format("token id {} of a vocabulary of {}", id, n_vocab));
  }
  for (size_t o = 0; o < step.outputs.size(); ++o)
    if (step.outputs[o] < (o == 0 ? 0 : step.outputs[o - 1] + 1) || step.outputs[o] >= n_tokens)
      return refuse(fmt::format("output row {} of {} tokens", step.outputs[o], n_tokens));
  return {};
}

}  // namespace lupo
