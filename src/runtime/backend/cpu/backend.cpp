#include <fmt/format.h>

#include <cstdlib>

#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/backend/cpu/program.h"

namespace lupo {
namespace {

using namespace cpu;

bool is_cache_type(Type type) {
  return type == Type::f32 || type == Type::f16 || type == Type::bf16 || type == Type::q8_0 || type == Type::q4_0;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const Kernels& kernels, int n_threads, ActivationBits precision)
      : kernels_(kernels), precision_(precision), pool_(std::make_shared<ThreadPool>(n_threads)) {}

  std::string_view name() const override { return "cpu"; }

  Caps caps(const Graph& graph) const override {
    Caps caps{.backend = "cpu", .unsupported = {}, .workspace_bytes = 0, .stage = {}};
    for (const Node& node : graph.nodes) {
      if (node.op() == Op::attend)
        for (TensorId id : {node.in[3], node.in[4]})
          if (id != kNone && !is_cache_type(graph[id].type))
            caps.unsupported.push_back(fmt::format("attend with a {} cache", type_info(graph[id].type).name));
      if ((node.op() == Op::linear || node.op() == Op::embed) && type_info(graph[node.in[0]].type).to_float == nullptr)
        caps.unsupported.push_back(fmt::format("{} {}: no decoder", op_name(node.op()), type_info(graph[node.in[0]].type).name));
    }
    Schedule schedule = make_schedule(graph, kernels_);
    caps.workspace_bytes = make_layout(graph, schedule, kernels_, pool_->size()).bytes;
    caps.stage = std::move(schedule.stage);
    return caps;
  }

  Result<std::unique_ptr<Program>> compile(const Graph& graph, const Plan& plan, const WeightData& weights) override {
    Schedule schedule = make_schedule(graph, kernels_);
    const WorkspaceLayout layout = make_layout(graph, schedule, kernels_, pool_->size());
    if (layout.bytes != plan.workspace_bytes)
      return fail(Layer::memory, "other-plan",
                  fmt::format("the plan has a workspace of {} bytes, this backend needs {}", plan.workspace_bytes, layout.bytes),
                  "plan with the caps of the backend that runs the graph");
    TRY_ASSIGN(ProgramMemory memory, ProgramMemory::create(graph, plan, weights));
    return std::make_unique<CpuProgram>(graph, kernels_, std::move(schedule), layout, std::move(memory), pool_, precision_);
  }

 private:
  const Kernels& kernels_;
  ActivationBits precision_;
  std::shared_ptr<ThreadPool> pool_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const Kernels& kernels, int n_threads, ActivationBits precision) {
  return std::make_unique<CpuBackend>(kernels, n_threads, precision);
}

Result<std::unique_ptr<Backend>> make_cpu_backend(int n_threads, ActivationBits precision) {
  const char* forced = std::getenv("LUPO_ISA");
  TRY_ASSIGN(const Kernels* kernels, choose_kernels(forced == nullptr ? "" : forced));
  return make_cpu_backend(*kernels, n_threads, precision);
}

}  // namespace lupo
