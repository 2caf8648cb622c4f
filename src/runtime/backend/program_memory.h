// The memory of a compiled program, allocated exactly as its Plan says; shared by the backends that run on the CPU.
#pragma once

#include <span>
#include <vector>

#include "base/arena.h"
#include "runtime/backend/backend.h"

namespace lupo {

class ProgramMemory {
 public:
  // `graph` is copied by the program that owns this; `weights` gives each weight's address in the mapping.
  static Result<ProgramMemory> create(const Graph& graph, const Plan& plan, const WeightData& weights);

  std::span<std::byte* const> addresses() const { return address_; }  // by TensorId
  std::byte* workspace() const { return workspace_.data(); }
  MemoryBytes allocated() const { return bytes_; }

  // Copies the step's tokens, positions and output rows into the graph's inputs.
  void fill_inputs(const Graph& graph, const Step& step) const;

 private:
  Arena scratch_, state_, workspace_;
  std::vector<std::byte*> address_;
  MemoryBytes bytes_;
};

// A step that a program of this graph can run: counts within n_batch and n_outputs, slots and positions within the cache, ids
// within the vocabulary. Everything that comes from outside is checked here, once.
Result<void> check_step(const Graph& graph, const Step& step);

}  // namespace lupo
