// The narrow door to the engine: what the command line, a server and an evaluation see of running a model.
//
// Engine::load decides (context, threads, cache type), plans, allocates and compiles; every decision is kept with its reason.
// An Engine runs one step at a time and is used by one thread at a time; the Model must outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "hardware/machine.h"
#include "memory/plan.h"
#include "model/model.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/cpu/cpu_backend.h"

namespace lupo {

// Of the available memory, left for the process itself (code, tokenizer, text) and for whatever else wakes up on the machine.
inline constexpr int64_t kReserveBytes = int64_t{256} << 20;

// What RuntimeOptions::backend may be.
inline constexpr std::array<const char*, 2> kBackends = {"cpu", "ref"};

struct RuntimeOptions {
  std::string backend = "cpu";
  int64_t n_ctx = 0;  // 0: the trained context, cut to what the memory holds
  int64_t n_seq = 1;
  int64_t n_batch = 0;    // greatest number of tokens of a step; 0: 512
  int64_t n_outputs = 1;  // greatest number of rows of logits of a step
  // Copies of a sequence's states of fixed size, for Session to go back to: of the last prompt and of the one before.
  int64_t n_checkpoints = 2;
  Type k_type = Type::f16, v_type = Type::f16;
  ActivationBits activations = ActivationBits::chosen;  // backend cpu
  std::optional<Pooling> pooling{};                     // embeddings, pooled so, are the result; nothing: logits
  int n_threads = 0;                                    // 0: as many as the machine has use for
  std::string threads_reason{};                         // of n_threads, for the decisions; "": it was asked for
};

class Engine {
 public:
  // Errors: {memory, does-not-fit} with both numbers and what would fit; {runtime, …} for options that make no sense.
  static Result<std::unique_ptr<Engine>> load(const Model& model, const Machine& machine, const RuntimeOptions& options);

  // Runs a step; afterwards result(o) is what output row o gave: raw logits [V], or an embedding. {runtime, non-finite} when the
  // last row holds NaN or infinity; {model, file-changed} when the file was cut while it was mapped.
  Result<void> run(const Step& step);
  std::span<const float> result(int64_t o) const { return program_->result(o); }
  std::span<const float> logits(int64_t o) const { return result(o); }

  const Model& model() const { return model_; }
  const Graph& graph() const { return graph_; }
  const Plan& plan() const { return plan_; }
  Program& program() { return *program_; }
  int64_t n_ctx() const { return graph_.n_ctx; }
  int64_t n_batch() const { return graph_.n_batch; }
  int n_threads() const { return n_threads_; }
  ActivationBits activations() const { return activations_; }
  const std::string& backend_name() const { return backend_name_; }         // "cpu avx512vnni", "ref"
  const std::vector<std::string>& decisions() const { return decisions_; }  // "context 8192: as trained", …
  double plan_ms() const { return plan_ms_; }                               // of load: deciding and planning; the rest compiled

 private:
  explicit Engine(const Model& model) : model_(model) {}

  const Model& model_;
  Graph graph_;
  Plan plan_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Program> program_;
  int n_threads_ = 1;
  ActivationBits activations_ = ActivationBits::chosen;
  std::string backend_name_;
  std::vector<std::string> decisions_;
  double plan_ms_ = 0;
};

// The plan of an engine that would be loaded so, without loading: the same decisions, no allocation.
struct Preview {
  Graph graph;
  Plan plan;
  int n_threads;
  std::vector<std::string> decisions;
  int64_t available_bytes;  // what the machine had free
  bool fits;
};
Result<Preview> preview(const Model& model, const Machine& machine, const RuntimeOptions& options);

}  // namespace lupo
