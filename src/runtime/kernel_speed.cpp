#include "runtime/kernel_speed.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "graph/builder.h"
#include "graph/ops/op.h"
#include "memory/plan.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/roof.h"

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kPrefillTokensMax = 256;
constexpr int64_t kRowsOfTable = 2;  // embedding rows, the least that is a matrix
constexpr int64_t kWidth = 1024;     // whole blocks of every type
constexpr int64_t kHeadsMax = 16;
constexpr int64_t kLinearsMax = 2048;               // of a chain
constexpr int64_t kPage = 4096;                     // bytes
constexpr int64_t kTableBytes = int64_t{64} << 10;  // the embedding table's, and more
constexpr int64_t kCells = 2048;                    // of a cache that a token attends to

// Of the runs of a graph in `seconds`, n_batch tokens each: the shortest time of the whole, and of each node when it is traced.
// The shortest, since other processes only ever add.
struct Timing {
  double seconds = 1e9;
  std::vector<NodeTime> nodes{};
};

struct TimingOptions {
  int n_threads = 1;
  double seconds = 0.1;
  bool trace = false;
  int64_t pos = 0;  // cells filled before the step
  ActivationBits bits = ActivationBits::chosen;
  const FilePages* weights = nullptr;  // large enough for all of the graph's; null: made for it
};

Result<Timing> time_graph(const Graph& graph, const TimingOptions& options) {
  // Weights one behind the other, each on a page of its own.
  std::vector<int64_t> offset(graph.tensors.size());
  int64_t weight_bytes = 0;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (graph.tensors[i].life != Life::weight) continue;
    offset[i] = weight_bytes;
    weight_bytes += (graph.bytes_max(static_cast<TensorId>(i)) + kPage - 1) / kPage * kPage;
  }
  // Byte 0x3c makes small normal numbers of every type: 1.06 as a half, 0.011 as a float.
  const std::optional<FilePages> own =
      options.weights == nullptr ? std::optional<FilePages>(std::in_place, weight_bytes, kWeightByte) : std::nullopt;
  const FilePages& weights = own ? *own : *options.weights;
  TRY_ASSIGN(const std::unique_ptr<Backend> backend, make_cpu_backend(options.n_threads, options.bits));
  TRY_ASSIGN(const Plan plan, plan_memory(graph, backend->caps(graph)));
  TRY_ASSIGN(const std::unique_ptr<Program> program, backend->compile(graph, plan, [&](TensorId id) {
    return weights.bytes().data() + offset[static_cast<size_t>(id)];
  }));
  std::vector<NodeTime> nodes;
  if (options.trace) program->trace(&nodes);

  const std::vector<int32_t> tokens(static_cast<size_t>(graph.n_batch), 1);
  if (options.pos > 0) {  // cells that were never written would all be one page of zeros
    for (size_t i = 0; i < graph.tensors.size(); ++i)
      if (graph.tensors[i].life == Life::state) std::ranges::fill(program->state(static_cast<TensorId>(i)), std::byte{0x3c});
  }
  const StepSequence sequence{0, static_cast<int32_t>(graph.n_batch), options.pos};
  const int32_t output = static_cast<int32_t>(graph.n_batch - 1);
  Timing best;
  const auto start = Clock::now();
  do {
    nodes.clear();
    const auto begin = Clock::now();
    TRY(program->run({tokens, {&sequence, 1}, {&output, 1}}));
    const double elapsed = std::max(1e-9, std::chrono::duration<double>(Clock::now() - begin).count());
    best.seconds = std::min(best.seconds, elapsed);
    if (best.nodes.empty()) best.nodes = nodes;
    for (size_t i = 0; i < nodes.size(); ++i) best.nodes[i].seconds = std::min(best.nodes[i].seconds, nodes[i].seconds);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < options.seconds);
  return best;
}

// `n_linear` matrices of a type one after the other, [n_in, n_out] and [n_out, n_in] in turn, behind an embedding.
struct Chain {
  Type type;
  int64_t n_in, n_out, n_linear;
};

// One token through it, in seconds.
Result<double> time_chain(const Chain& chain, const TimingOptions& options) {
  WeightTable table{{"token_embd.weight", {Type::f32, {{chain.n_in, kRowsOfTable, 1, 1}}}}};
  std::vector<std::string> names, full_names;
  for (int64_t i = 0; i < chain.n_linear; ++i) names.push_back("w" + std::to_string(i));
  for (const std::string& name : names) full_names.push_back(name + ".weight");
  const auto n_in = [&](size_t i) { return i % 2 == 0 ? chain.n_in : chain.n_out; };
  for (size_t i = 0; i < names.size(); ++i) table.emplace(full_names[i], WeightInfo{chain.type, {{n_in(i), n_in(i + 1), 1, 1}}});
  Builder builder(table, {.n_ctx = 1, .n_batch = 1, .n_outputs = 1, .k_type = Type::f32, .v_type = Type::f32});
  Value x = builder.embed("token_embd", chain.n_in, kRowsOfTable);
  for (size_t i = 0; i < names.size(); ++i) x = builder.linear(x, names[i], n_in(i + 1));
  TRY_ASSIGN(const Graph graph, builder.finish(builder.select_outputs(x)));
  TRY_ASSIGN(const Timing timing, time_graph(graph, options));
  return timing.seconds;
}

// A block as the llama family has it, without rotation; the attention's output goes through a matrix of f32, since its width
// need not be whole blocks of the type.
Result<Graph> block_graph(Type type, const AttendAttrs& heads, int64_t n_tokens) {
  const int64_t q = heads.n_head * heads.head_dim, k = heads.n_kv_head * heads.head_dim, v = heads.n_kv_head * heads.head_dim_v;
  const auto matrix = [](Type of, int64_t n_in, int64_t n_out) { return WeightInfo{of, {{n_in, n_out, 1, 1}}}; };
  const WeightTable table{{"token_embd.weight", matrix(Type::f32, kWidth, kRowsOfTable)},
                          {"norm.weight", matrix(Type::f32, kWidth, 1)},
                          {"q.weight", matrix(type, kWidth, q)},
                          {"k.weight", matrix(type, kWidth, k)},
                          {"v.weight", matrix(type, kWidth, v)},
                          {"o.weight", matrix(Type::f32, heads.n_head * heads.head_dim_v, kWidth)},
                          {"gate.weight", matrix(type, kWidth, kWidth)},
                          {"up.weight", matrix(type, kWidth, kWidth)},
                          {"down.weight", matrix(type, kWidth, kWidth)}};
  Builder builder(table, {.n_ctx = n_tokens, .n_batch = n_tokens, .n_outputs = 1});
  constexpr float kEpsilon = 1e-5f;
  Value x = builder.embed("token_embd", kWidth, kRowsOfTable);
  builder.at_layer(0);
  const Value h = builder.norm(x, "norm", kWidth, kEpsilon);
  const Value query = builder.linear(h, "q", q), key = builder.linear(h, "k", k), value = builder.linear(h, "v", v);
  const Cache cache = builder.cache(heads.n_kv_head, heads.head_dim, heads.head_dim_v, heads.window);
  x = builder.add(x, builder.linear(builder.attend(query, key, value, cache, heads), "o", kWidth));
  const Value g = builder.norm(x, "norm", kWidth, kEpsilon);
  const Value hidden = builder.glu(builder.linear(g, "gate", kWidth), builder.linear(g, "up", kWidth), Activation::silu);
  x = builder.add(x, builder.linear(hidden, "down", kWidth));
  return builder.finish(builder.select_outputs(x));
}

// `few` of the heads, groups whole.
AttendAttrs few_heads(const AttendAttrs& heads) {
  AttendAttrs few = heads;
  const int64_t group = heads.n_head / heads.n_kv_head;
  few.n_kv_head = std::clamp<int64_t>(kHeadsMax / group, 1, heads.n_kv_head);
  few.n_head = group * few.n_kv_head;
  return few;
}

// Layers of nothing but attention between narrow matrices.
Result<Graph> cache_graph(const AttendAttrs& heads, Type k_type, int64_t n_layer) {
  constexpr int64_t kNarrow = 32;
  const auto matrix = [](int64_t n_in, int64_t n_out) { return WeightInfo{Type::f32, {{n_in, n_out, 1, 1}}}; };
  const int64_t q = heads.n_head * heads.head_dim, k = heads.n_kv_head * heads.head_dim, v = heads.n_kv_head * heads.head_dim_v;
  const WeightTable table{{"token_embd.weight", matrix(kNarrow, kRowsOfTable)},
                          {"q.weight", matrix(kNarrow, q)},
                          {"k.weight", matrix(kNarrow, k)},
                          {"v.weight", matrix(kNarrow, v)},
                          {"o.weight", matrix(heads.n_head * heads.head_dim_v, kNarrow)}};
  Builder builder(table, {.n_ctx = kCells, .n_batch = 1, .n_outputs = 1, .k_type = k_type, .v_type = k_type});
  Value x = builder.embed("token_embd", kNarrow, kRowsOfTable);
  for (int64_t i = 0; i < n_layer; ++i) {
    builder.at_layer(i);
    const Value query = builder.linear(x, "q", q), key = builder.linear(x, "k", k), value = builder.linear(x, "v", v);
    const Cache cache = builder.cache(heads.n_kv_head, heads.head_dim, heads.head_dim_v);
    x = builder.linear(builder.attend(query, key, value, cache, heads), "o", kNarrow);
  }
  return builder.finish(builder.select_outputs(x));
}

Result<const cpu::Kernels*> kernels_in_use() {
  const char* forced = std::getenv("LUPO_ISA");
  return cpu::choose_kernels(forced == nullptr ? "" : forced);
}

}  // namespace

Result<DecodeRate> measure_decode_rate(Type type, int n_threads, const FilePages& weights, ActivationBits bits) {
  // The same bytes as few large and as many small matrices: two equations for the two costs.
  const auto run = [&](int64_t n_out) -> Result<std::pair<double, double>> {
    const int64_t bytes = n_out * row_bytes(type, kWidth), paged = (bytes + kPage - 1) / kPage * kPage;
    const int64_t n = std::clamp<int64_t>((std::ssize(weights.bytes()) - kTableBytes) / paged, 1, kLinearsMax);
    TRY_ASSIGN(const double seconds, time_chain({type, kWidth, n_out, n},
                                                {.n_threads = n_threads, .seconds = 0.08, .bits = bits, .weights = &weights}));
    return std::pair(seconds / static_cast<double>(n * bytes), 1 / static_cast<double>(bytes));  // s and matrices a byte
  };
  TRY_ASSIGN(const auto large, run(4 * kWidth));
  TRY_ASSIGN(const auto small, run(kWidth / 4));
  const double node_seconds = std::max(0.0, (small.first - large.first) / (small.second - large.second));
  const double byte_seconds = std::max(1e-13, large.first - node_seconds * large.second);
  return DecodeRate{1e-9 / byte_seconds, node_seconds};
}

Result<BlockSpeed> measure_block(Type type, const AttendAttrs& heads, int n_threads, int64_t n_tokens, ActivationBits bits) {
  n_tokens = std::clamp<int64_t>(n_tokens, 1, kPrefillTokensMax);
  TRY_ASSIGN(const Graph graph, block_graph(type, few_heads(heads), n_tokens));
  TRY_ASSIGN(const Timing timing, time_graph(graph, {.n_threads = n_threads, .trace = true, .bits = bits}));
  double linear_flops = 0, linear_seconds = 1e-9, attend_flops = 0, attend_seconds = 1e-9, rows = 0, row_seconds = 0;
  for (const NodeTime& time : timing.nodes) {
    const Node& node = graph.nodes[static_cast<size_t>(time.node)];
    const double flops = op_info(node.op()).cost(graph, node, n_tokens, 1, 0).flops;
    if (node.op() == Op::linear && graph[node.in[0]].type == type) linear_flops += flops, linear_seconds += time.seconds;
    if (node.op() == Op::attend) attend_flops += flops, attend_seconds += time.seconds;
    if (node.op() == Op::norm || node.op() == Op::glu)
      rows += static_cast<double>(kWidth * n_tokens), row_seconds += time.seconds;
  }
  return BlockSpeed{.linear_gflops = linear_flops / linear_seconds / 1e9,
                    .attend_gflops = attend_flops / attend_seconds / 1e9,
                    .row_seconds = rows > 0 ? row_seconds / rows : 0};
}

Result<double> measure_cache_gbps(const AttendAttrs& heads, Type k_type, int n_threads, int64_t cache_bytes) {
  AttendAttrs plain = few_heads(heads);
  plain.window = 0;
  TRY_ASSIGN(const Graph one, cache_graph(plain, k_type, 1));
  int64_t layer_bytes = 1;
  for (size_t i = 0; i < one.tensors.size(); ++i)
    if (one.tensors[i].life == Life::state) layer_bytes += one.bytes_max(static_cast<TensorId>(i));
  TRY_ASSIGN(const Graph graph, cache_graph(plain, k_type, std::clamp<int64_t>(cache_bytes / layer_bytes, 1, 128)));
  TRY_ASSIGN(const Timing timing, time_graph(graph, {.n_threads = n_threads, .trace = true, .pos = kCells - 1}));
  double bytes = 0, seconds = 1e-9;
  for (const NodeTime& time : timing.nodes) {
    const Node& node = graph.nodes[static_cast<size_t>(time.node)];
    if (node.op() != Op::attend) continue;
    bytes += op_info(Op::attend).cost(graph, node, 1, 1, kCells - 1).state_bytes;
    seconds += time.seconds;
  }
  return bytes / seconds / 1e9;
}

Result<double> measure_f32_gmacs(int n_threads) {
  TRY_ASSIGN(const cpu::Kernels* kernels, kernels_in_use());
  return measure_peak_gmacs(kernels->matmul.peak.f32, n_threads, 0.02);
}

Result<Roof> measure_product_peaks(int n_threads) {
  TRY_ASSIGN(const cpu::Kernels* kernels, kernels_in_use());
  const auto gmacs = [&](const cpu::PeakLoop& loop) { return measure_peak_gmacs(loop, n_threads, 0.05); };
  const cpu::PeakKernels& peak = kernels->matmul.peak;
  return Roof{.threads = n_threads, .int8_gmacs = gmacs(peak.int8), .bf16_gmacs = gmacs(peak.bf16), .f32_gmacs = gmacs(peak.f32)};
}

Result<double> measure_node_seconds(int n_threads) {
  TRY_ASSIGN(const double few, time_chain({Type::f32, 64, 64, 2}, {.n_threads = n_threads, .seconds = 0.01}));
  TRY_ASSIGN(const double many, time_chain({Type::f32, 64, 64, 66}, {.n_threads = n_threads, .seconds = 0.02}));
  return std::max(0.0, many - few) / 64;
}

}  // namespace lupo
