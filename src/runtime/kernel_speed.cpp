#include "runtime/kernel_speed.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "graph/builder.h"
#include "memory/plan.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/cpu/cpu_backend.h"

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kPrefillTokens = 256;
constexpr int64_t kRowsOfTable = 2;  // embedding rows, the least that is a matrix

// `n_linear` matrices [n_in, n_out] of a type one after the other (n_in = n_out when there are several), behind an embedding.
struct Synthetic {
  Type type;
  int64_t n_in, n_out, n_linear, n_tokens;
};

// The fastest of a few runs, in seconds.
Result<double> time_graph(const Synthetic& what, int n_threads, double seconds) {
  WeightTable table{{"token_embd.weight", {Type::f32, {{what.n_in, kRowsOfTable, 1, 1}}}}};
  std::vector<std::string> names;
  for (int64_t i = 0; i < what.n_linear; ++i) names.push_back("w" + std::to_string(i));
  std::vector<std::string> full_names;
  for (const std::string& name : names) full_names.push_back(name + ".weight");
  for (const std::string& name : full_names) table.emplace(name, WeightInfo{what.type, {{what.n_in, what.n_out, 1, 1}}});
  Builder builder(table,
                  {.n_ctx = what.n_tokens, .n_batch = what.n_tokens, .n_outputs = 1, .k_type = Type::f32, .v_type = Type::f32});
  Value x = builder.embed("token_embd", what.n_in, kRowsOfTable);
  for (const std::string& name : names) x = builder.linear(x, name, what.n_out);
  TRY_ASSIGN(const Graph graph, builder.finish(builder.select_outputs(x)));

  // Byte 0x3c makes small normal numbers of every type: 1.06 as a half, 0.011 as a float.
  const auto bytes =
      static_cast<size_t>(std::max(what.n_out * row_bytes(what.type, what.n_in), kRowsOfTable * what.n_in * int64_t{4}));
  std::vector<std::byte> weights(bytes, std::byte{0x3c});
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, make_cpu_backend(n_threads));
  TRY_ASSIGN(const Plan plan, plan_memory(graph, backend->caps(graph)));
  TRY_ASSIGN(const std::unique_ptr<Program> program, backend->compile(graph, plan, [&](TensorId) { return weights.data(); }));

  const std::vector<int32_t> tokens(static_cast<size_t>(what.n_tokens), 1);
  const StepSequence sequence{0, static_cast<int32_t>(what.n_tokens), 0};
  const int32_t output = static_cast<int32_t>(what.n_tokens - 1);
  double best = 1e9;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    TRY(program->run({tokens, {&sequence, 1}, {&output, 1}}));
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  return std::max(best, 1e-9);
}

}  // namespace

Result<KernelSpeed> measure_kernel(Type type, int n_threads, int64_t weight_bytes) {
  constexpr int64_t kIn = 1024;  // whole blocks of every type
  const int64_t n_out = std::max<int64_t>(1024, weight_bytes / row_bytes(type, kIn) / 64 * 64);
  TRY_ASSIGN(const double decode, time_graph({type, kIn, n_out, 1, 1}, n_threads, 0.05));
  TRY_ASSIGN(const double prefill, time_graph({type, kIn, kIn, 1, kPrefillTokens}, n_threads, 0.05));
  return KernelSpeed{.decode_gbps = static_cast<double>(n_out * row_bytes(type, kIn)) / decode / 1e9,
                     .prefill_gflops = 2.0 * static_cast<double>(kIn * kIn * kPrefillTokens) / prefill / 1e9};
}

Result<double> measure_node_seconds(int n_threads) {
  TRY_ASSIGN(const double few, time_graph({Type::f32, 64, 64, 2, 1}, n_threads, 0.01));
  TRY_ASSIGN(const double many, time_graph({Type::f32, 64, 64, 66, 1}, n_threads, 0.02));
  return std::max(0.0, many - few) / 64;
}

}  // namespace lupo
