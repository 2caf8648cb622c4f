#include "doctor/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include "doctor/median.h"
#include "graph/ops/op.h"
#include "hardware/bandwidth.h"

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Ids spread over the vocabulary, so that the embedding's rows are not in the cache by chance.
TokenId token_at(const Engine& engine, int64_t position) {
  return static_cast<TokenId>((static_cast<uint64_t>(position) * 2654435761u + 12345u) %
                              static_cast<uint64_t>(engine.model().hparams().n_vocab));
}

// Runs `n` tokens of one slot from position `pos` in batches; the last row's logits only.
Result<void> run_prompt(Engine& engine, int32_t slot, int64_t pos, int64_t n) {
  std::vector<TokenId> tokens;  // [T]
  for (const int64_t end = pos + n; pos < end;) {
    const int64_t count = std::min(engine.n_batch(), end - pos);
    tokens.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) tokens[static_cast<size_t>(i)] = token_at(engine, pos + i);
    const StepSequence sequence{slot, static_cast<int32_t>(count), pos};
    const int32_t last = static_cast<int32_t>(count - 1);
    pos += count;
    TRY(engine.run({tokens, {&sequence, 1}, {&last, pos == end ? size_t{1} : size_t{0}}}));
  }
  return {};
}

// One token on each of `batch` slots at position `pos`.
Result<void> run_decode_step(Engine& engine, int64_t batch, int64_t pos) {
  std::vector<TokenId> tokens;  // [S]
  std::vector<StepSequence> sequences;
  std::vector<int32_t> outputs(static_cast<size_t>(batch));
  std::iota(outputs.begin(), outputs.end(), 0);
  for (int64_t slot = 0; slot < batch; ++slot) {
    tokens.push_back(token_at(engine, pos * batch + slot));
    sequences.push_back({static_cast<int32_t>(slot), 1, pos});
  }
  return engine.run({tokens, sequences, outputs});
}

Result<void> check_room(const Engine& engine, int64_t n, int64_t depth) {
  if (n >= 1 && depth >= 0 && n + depth <= engine.n_ctx()) return {};
  return fail(Layer::runtime, "context-full",
              fmt::format("{} tokens at a depth of {} in a context of {}", n, depth, engine.n_ctx()),
              fmt::format("--ctx {}", n + depth));
}

// The matrices that a node multiplies with or looks rows up in.
std::vector<TensorId> matrices_of(const Node& node) {
  std::vector<TensorId> matrices;
  if (node.op() == Op::moe) {
    for (size_t i : kMoeMatrices) matrices.push_back(node.in[i]);
  } else if (node.op() == Op::linear || node.op() == Op::linear_heads || node.op() == Op::embed) {
    matrices.push_back(node.in[0]);
  }
  std::erase(matrices, kNone);
  return matrices;
}

// "Q4_K", or "Q4_K+Q6_K" where an op's matrices differ.
std::string types_of(const Graph& graph, const Node& node) {
  std::string names;
  std::vector<Type> seen;
  for (const TensorId id : matrices_of(node)) {
    const Type type = graph[id].type;
    if (std::find(seen.begin(), seen.end(), type) != seen.end()) continue;
    seen.push_back(type);
    names += (names.empty() ? "" : "+") + std::string(type_info(type).name);
  }
  return names;
}

// Weights are read once for all sequences, states for each.
StepCost node_cost(const Graph& graph, const Node& node, int64_t n_seq, int64_t n_tokens, int64_t depth) {
  const OpInfo& info = op_info(node.op());
  const Cost all = info.cost(graph, node, n_seq * n_tokens, n_seq, depth), one = info.cost(graph, node, n_tokens, 1, depth);
  StepCost cost{.weight_bytes = all.weight_bytes,
                .state_bytes = one.state_bytes * static_cast<double>(n_seq),
                .flops = node.op() == Op::attend ? one.flops * static_cast<double>(n_seq) : all.flops};
  const std::vector<TensorId> matrices = matrices_of(node);
  const auto elements = [&](TensorId id) { return static_cast<double>(graph[id].shape.dim[0] * graph[id].shape.dim[1]); };
  double total = 0;
  for (const TensorId id : matrices) total += elements(id);
  for (const TensorId id : matrices) {
    const double flops = cost.flops * elements(id) / total;
    if (type_info(graph[id].type).block_elements > 1) cost.coded_flops += flops;
    if (graph[id].type == Type::bf16) cost.bf16_flops += flops;
  }
  return cost;
}

StepCost& operator+=(StepCost& sum, const StepCost& cost) {
  sum.weight_bytes += cost.weight_bytes;
  sum.state_bytes += cost.state_bytes;
  sum.flops += cost.flops;
  sum.coded_flops += cost.coded_flops;
  sum.bf16_flops += cost.bf16_flops;
  return sum;
}

StepCost prompt_cost(const Graph& graph, int64_t n, int64_t depth) {
  StepCost sum;
  for (int64_t at = 0; at < n; at += graph.n_batch) sum += step_cost(graph, 1, std::min(graph.n_batch, n - at), depth + at);
  return sum;
}

// Collects the nodes' times while it lives.
class Tracing {
 public:
  explicit Tracing(Engine& engine) : engine_(engine) { engine_.program().trace(&times); }
  ~Tracing() { engine_.program().trace(nullptr); }
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  std::vector<NodeTime> times;

 private:
  Engine& engine_;
};

}  // namespace

StepCost step_cost(const Graph& graph, int64_t n_seq, int64_t n_tokens, int64_t depth) {
  StepCost sum;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {  // norms, biases, factors: not in the ops' own figures
    const Tensor& tensor = graph.tensors[i];
    if (tensor.life == Life::weight && tensor.shape.dim[1] == 1)
      sum.weight_bytes += static_cast<double>(graph.bytes_max(static_cast<TensorId>(i)));
  }
  for (const Node& node : graph.nodes) sum += node_cost(graph, node, n_seq, n_tokens, depth);
  return sum;
}

DecodeTraffic decode_traffic(const Graph& graph, double tps, int64_t n_seq, int64_t depth) {
  const StepCost cost = step_cost(graph, n_seq, 1, depth);
  DecodeTraffic traffic{.weight_bytes = cost.weight_bytes / static_cast<double>(n_seq)};
  traffic.bytes_per_token = traffic.weight_bytes + cost.state_bytes / static_cast<double>(n_seq);
  traffic.gbps = tps * traffic.bytes_per_token / 1e9;
  return traffic;
}

double roof_fraction(double gbps, double roof_gbps) { return roof_gbps > 0 ? gbps / roof_gbps : 0; }

double peak_seconds(const StepCost& cost, const Roof& roof) {
  const auto seconds = [](double flops, double gmacs) { return gmacs > 0 ? flops / 2 / gmacs / 1e9 : 0; };
  return seconds(cost.coded_flops, roof.int8_gmacs) +
         seconds(cost.bf16_flops, roof.bf16_gmacs > 0 ? roof.bf16_gmacs : roof.f32_gmacs) +
         seconds(cost.flops - cost.coded_flops - cost.bf16_flops, roof.f32_gmacs);
}

std::vector<OpTime> sum_by_op(const Graph& graph, const std::vector<NodeTime>& times, int64_t n_steps, int64_t n_seq,
                              int64_t n_tokens, int64_t depth) {
  std::map<int32_t, double> node_seconds;  // all phases of a node, all steps
  for (const NodeTime& time : times) node_seconds[time.node] += time.seconds;
  std::map<std::pair<std::string, std::string>, std::pair<OpTime, StepCost>> sums;
  for (const auto& [i, seconds] : node_seconds) {
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    const std::string name(op_name(node.op())), type = types_of(graph, node);
    auto& [sum, cost] = sums.try_emplace({name, type}, OpTime{name, type}, StepCost{}).first->second;
    sum.nodes += 1;
    sum.ms += seconds * 1e3 / static_cast<double>(n_steps);
    cost += node_cost(graph, node, n_seq, n_tokens, depth);
  }
  std::vector<OpTime> ops;
  for (auto& [key, entry] : sums) {
    auto& [sum, cost] = entry;
    const double seconds = std::max(sum.ms / 1e3, 1e-12);
    sum.gbps = (cost.weight_bytes + cost.state_bytes) / seconds / 1e9;
    sum.gflops = cost.flops / seconds / 1e9;
    ops.push_back(sum);
  }
  std::sort(ops.begin(), ops.end(), [](const OpTime& a, const OpTime& b) { return a.ms > b.ms; });
  return ops;
}

Result<double> warm_up(Engine& engine) {
  const auto start = Clock::now();
  TRY(run_prompt(engine, 0, 0, 1));
  return seconds_since(start);
}

Result<PrefillSpeed> measure_prefill(Engine& engine, int64_t n, int64_t depth, const SpeedOptions& options) {
  TRY(check_room(engine, n, depth));
  const auto start = Clock::now();
  PrefillSpeed speed{.n = n, .depth = depth};
  if (depth > 0) TRY(run_prompt(engine, 0, 0, depth));
  std::vector<double> tps;
  for (int i = 0; i < options.repetitions && (i == 0 || seconds_since(start) < options.seconds_max); ++i) {
    Stopwatch watch;
    TRY(run_prompt(engine, 0, depth, n));
    speed.runs.push_back(watch.lap());
    tps.push_back(static_cast<double>(n) / (speed.runs.back().ms / 1e3));
  }
  speed.tps = median(tps);
  speed.cost = prompt_cost(engine.graph(), n, depth);
  if (options.trace) {
    const int64_t one_batch = std::min(n, engine.n_batch());
    Tracing tracing(engine);
    TRY(run_prompt(engine, 0, depth, one_batch));
    speed.ops = sum_by_op(engine.graph(), tracing.times, 1, 1, one_batch, depth);
  }
  return speed;
}

Result<DecodeSpeed> measure_decode(Engine& engine, int64_t n, int64_t depth, int64_t batch, const SpeedOptions& options) {
  TRY(check_room(engine, n, depth));
  const auto start = Clock::now();
  DecodeSpeed speed{.n = n, .depth = depth, .batch = batch};
  if (depth > 0)
    for (int64_t slot = 0; slot < batch; ++slot) TRY(run_prompt(engine, static_cast<int32_t>(slot), 0, depth));
  std::vector<double> tps;
  for (int i = 0; i < options.repetitions && (i == 0 || seconds_since(start) < options.seconds_max); ++i) {
    const auto begin = Clock::now();
    int64_t done = 0;
    for (Stopwatch watch; done < speed.n && (done == 0 || seconds_since(start) < options.seconds_max); ++done) {
      TRY(run_decode_step(engine, batch, depth + done));
      speed.steps.push_back(watch.lap());
    }
    tps.push_back(static_cast<double>(done * batch) / seconds_since(begin));
    if (i == 0) speed.n = done;
  }
  speed.tps = median(tps);
  speed.traffic = decode_traffic(engine.graph(), speed.tps, batch, depth + speed.n / 2);
  speed.cost = step_cost(engine.graph(), batch, 1, depth + speed.n / 2);
  if (options.trace) {
    const int64_t steps = std::min<int64_t>(speed.n, 16);
    Tracing tracing(engine);
    for (int64_t i = 0; i < steps; ++i) TRY(run_decode_step(engine, batch, depth + i));
    speed.ops = sum_by_op(engine.graph(), tracing.times, steps, batch, 1, depth + steps / 2);
  }
  return speed;
}

double measure_weights_gbps(const Engine& engine) {
  // The largest run of weights in one shard: tensors lie one after the other.
  const auto tensors = engine.model().file().tensors();
  const std::byte *begin = nullptr, *end = nullptr;
  for (const gguf::TensorInfo& tensor : tensors) {
    if (tensor.shard != tensors.front().shard) continue;
    begin = begin == nullptr ? tensor.data : std::min(begin, tensor.data);
    end = end == nullptr ? tensor.data + tensor.bytes : std::max(end, tensor.data + tensor.bytes);
  }
  constexpr std::ptrdiff_t kBytesMax = std::ptrdiff_t{1} << 29;  // 512 MiB say as much as 50 GiB
  return measure_read_gbps(engine.n_threads(), 0.15, std::span(begin, static_cast<size_t>(std::min(kBytesMax, end - begin))));
}

}  // namespace lupo
