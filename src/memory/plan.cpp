#include "memory/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace lupo {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

struct Interval {
  TensorId id;
  int64_t bytes;
  int32_t first, last;  // stages, inclusive
};

// The stages in which each scratch, input or output tensor must keep its bytes.
std::vector<Interval> intervals(const Graph& graph, const Caps& caps) {
  std::vector<Interval> life(graph.tensors.size());
  const auto stage_of = [&](size_t node) { return caps.stage.empty() ? static_cast<int32_t>(node) : caps.stage[node]; };
  const int32_t end = graph.nodes.empty() ? 0 : stage_of(graph.nodes.size() - 1) + 1;
  for (size_t id = 0; id < life.size(); ++id) {
    const bool whole = graph.tensors[id].life != Life::scratch;  // inputs and outputs last for the step
    life[id] = {static_cast<TensorId>(id), aligned(graph.bytes_max(static_cast<TensorId>(id))), whole ? 0 : end,
                whole ? end : -1};
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto touch = [&](TensorId id) {
      if (id == kNone) return;
      Interval& interval = life[static_cast<size_t>(id)];
      interval.first = std::min(interval.first, stage_of(n));
      interval.last = std::max(interval.last, stage_of(n));
    };
    std::for_each(graph.nodes[n].in.begin(), graph.nodes[n].in.end(), touch);
    touch(graph.nodes[n].out);
  }
  std::erase_if(life, [&](const Interval& i) {
    const Life kind = graph[i.id].life;
    return kind == Life::weight || kind == Life::state || i.last < i.first;
  });
  return life;
}

// Greedy by size: the largest tensors first, each at the lowest offset that is free for its whole life.
int64_t place(std::vector<Interval> pending, std::vector<int64_t>& offset) {
  std::stable_sort(pending.begin(), pending.end(), [](const Interval& a, const Interval& b) { return a.bytes > b.bytes; });
  std::vector<Interval> placed;  // by ascending offset
  int64_t arena_bytes = 0;
  for (const Interval& next : pending) {
    int64_t at = 0;
    for (const Interval& other : placed) {
      if (other.last < next.first || other.first > next.last) continue;
      const int64_t begin = offset[static_cast<size_t>(other.id)];
      if (begin - at >= next.bytes) break;
      at = std::max(at, begin + other.bytes);
    }
    offset[static_cast<size_t>(next.id)] = at;
    arena_bytes = std::max(arena_bytes, at + next.bytes);
    const auto after = std::upper_bound(placed.begin(), placed.end(), at, [&](int64_t value, const Interval& other) {
      return value < offset[static_cast<size_t>(other.id)];
    });
    placed.insert(after, next);
  }
  return arena_bytes;
}

}  // namespace

Result<Plan> plan_memory(const Graph& graph, const Caps& caps) {
  if (!caps.unsupported.empty())
    return fail(Layer::runtime, "unsupported-op",
                fmt::format("the {} backend cannot run: {}", caps.backend, fmt::join(caps.unsupported, "; ")), "--backend ref");
  Plan plan;
  plan.offset.assign(graph.tensors.size(), -1);
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    const int64_t bytes = graph.bytes_max(static_cast<TensorId>(i));
    if (tensor.life == Life::weight) plan.bytes.weights += bytes;
    if (tensor.life != Life::state) continue;
    plan.offset[i] = plan.state_arena_bytes;
    plan.state_arena_bytes += aligned(bytes);
    (tensor.policy == StatePolicy::fixed ? plan.bytes.state : plan.bytes.kv) += aligned(bytes);
  }
  plan.scratch_arena_bytes = place(intervals(graph, caps), plan.offset);
  plan.workspace_bytes = caps.workspace_bytes;
  plan.bytes.scratch = plan.scratch_arena_bytes + plan.workspace_bytes;
  return plan;
}

}  // namespace lupo
