// The ref backend: each node by its op's reference function, one after the other, on one thread. Slow and plain: the oracle.
#include <chrono>

#include "graph/ops/op.h"
#include "runtime/backend/program_memory.h"

namespace lupo {
namespace {

class RefProgram final : public Program {
 public:
  RefProgram(const Graph& graph, ProgramMemory memory) : graph_(graph), memory_(std::move(memory)) {}

  Result<void> run(const Step& step) override {
    TRY(check_step(graph_, step));
    memory_.fill_inputs(graph_, step);
    const Execution execution{graph_, step, memory_.addresses()};
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const auto begin = std::chrono::steady_clock::now();
      op_info(graph_.nodes[i].op()).reference(execution, graph_.nodes[i]);
      if (trace_ == nullptr) continue;
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
      trace_->push_back({static_cast<int32_t>(i), elapsed.count()});
    }
    return {};
  }

  std::span<const float> result(int64_t o) const override {
    const int64_t width = graph_[graph_.result].shape.dim[0];
    const auto* all = reinterpret_cast<const float*>(memory_.addresses()[static_cast<size_t>(graph_.result)]);  // [width, O]
    return {all + o * width, static_cast<size_t>(width)};
  }

  std::span<std::byte> state(TensorId id) override {
    return {memory_.addresses()[static_cast<size_t>(id)], static_cast<size_t>(graph_.bytes_max(id))};
  }

  MemoryBytes allocated() const override { return memory_.allocated(); }
  void trace(std::vector<NodeTime>* sink) override { trace_ = sink; }

 private:
  Graph graph_;
  ProgramMemory memory_;
  std::vector<NodeTime>* trace_ = nullptr;
};

class RefBackend final : public Backend {
 public:
  std::string_view name() const override { return "ref"; }
  Caps caps(const Graph&) const override { return {.backend = "ref", .unsupported = {}, .workspace_bytes = 0, .stage = {}}; }
  Result<std::unique_ptr<Program>> compile(const Graph& graph, const Plan& plan, const WeightData& weights) override {
    TRY_ASSIGN(ProgramMemory memory, ProgramMemory::create(graph, plan, weights));
    return std::make_unique<RefProgram>(graph, std::move(memory));
  }
};

}  // namespace

std::unique_ptr<Backend> make_ref_backend() { return std::make_unique<RefBackend>(); }

}  // namespace lupo
