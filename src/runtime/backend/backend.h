// What a backend is: it says what it needs, compiles a planned graph, and runs steps of it.
//
// Backends: ref (plain loops, the oracle), cpu (SIMD, threads). A Program owns its memory: one arena for scratch, inputs and
// outputs, one for state and one for the backend's workspace, each exactly as large as the Plan says. Weights are only
// pointed to. A Program is used by one thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"
#include "memory/plan.h"

namespace lupo {

// Address of a weight's first byte; never null for a weight of the graph.
using WeightData = std::function<const std::byte*(TensorId)>;

// Time spent in one node, for the tracer.
struct NodeTime {
  int32_t node;
  double seconds;
};

class Program {
 public:
  virtual ~Program() = default;
  virtual Result<void> run(const Step& step) = 0;
  // Output row o (0 ≤ o < O of the last step): raw logits [V] or an embedding [C]; valid until the next run.
  virtual std::span<const float> result(int64_t o) const = 0;
  // Bytes of a state tensor, for save, restore and prefix copies.
  virtual std::span<std::byte> state(TensorId id) = 0;
  virtual MemoryBytes allocated() const = 0;
  // With a non-null sink, every node of the following runs is timed into it (appended).
  virtual void trace(std::vector<NodeTime>* sink) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // What this backend can run of the graph and the workspace it needs, as data for the planner.
  virtual Caps caps(const Graph& graph) const = 0;
  virtual Result<std::unique_ptr<Program>> compile(const Graph& graph, const Plan& plan, const WeightData& weights) = 0;
};

// Plain loops over the reference functions of graph/ops.
std::unique_ptr<Backend> make_ref_backend();

}  // namespace lupo
