#include "doctor/calibration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "base/file_pages.h"
#include "doctor/median.h"
#include "doctor/verdict.h"
#include "graph/ops/op.h"
#include "hardware/bandwidth.h"
#include "runtime/kernel_speed.h"

namespace lupo {
namespace {

constexpr int kRounds = 3;
constexpr double kShareMin = 0.02;  // of the matrix bytes: what less holds is not worth measuring

// Type and shape of a prompt's attention have no cache type of their own: it is measured with F16.
AttendShape shape_of(const Graph& graph, const Node& node) {
  const auto& at = std::get<AttendAttrs>(node.attrs);
  return {at.n_head, at.n_kv_head, at.head_dim, at.head_dim_v, node.in[3] == kNone ? Type::f16 : graph[node.in[3]].type};
}
AttendAttrs attrs_of(const AttendShape& shape) {
  return {.n_head = shape.n_head,
          .n_kv_head = shape.n_kv_head,
          .head_dim = shape.head_dim,
          .head_dim_v = shape.head_dim_v,
          .scale = 1 / std::sqrt(static_cast<float>(shape.head_dim))};
}

// One rate, measured once a round.
struct Rate {
  double* result;
  std::function<Result<double>()> measure;
  bool tells_noise = true;  // false: the small difference of two times
  std::vector<double> seen{};
};

// All rates a round, so that a slow moment of the machine falls on all of them; medians, and the deviation of their logarithms.
Result<double> measure_rounds(std::vector<Rate>& rates) {
  for (int round = 0; round < kRounds; ++round)
    for (Rate& rate : rates) {
      TRY_ASSIGN(const double value, rate.measure());
      rate.seen.push_back(value);
    }
  double squares = 0;
  int64_t n = 0;
  for (Rate& rate : rates) {
    *rate.result = median(rate.seen);
    if (!rate.tells_noise) continue;
    for (double value : rate.seen) {
      if (!(value > 0) || !(*rate.result > 0)) continue;
      squares += std::pow(std::log(value / *rate.result), 2);
      ++n;
    }
  }
  return n > 0 ? std::sqrt(squares / static_cast<double>(n)) : 0.0;
}

ActivationBits other_form(ActivationBits form) {
  return form == ActivationBits::eight ? ActivationBits::chosen : ActivationBits::eight;
}

}  // namespace

std::map<Type, int64_t> matrix_bytes_by_type(const Graph& graph) {
  std::map<Type, int64_t> bytes;
  for (const Node& node : graph.nodes) {
    if (node.op() == Op::linear || node.op() == Op::linear_heads) bytes[graph[node.in[0]].type] += graph.bytes_max(node.in[0]);
    const auto* moe = std::get_if<MoeAttrs>(&node.attrs);
    if (moe == nullptr) continue;
    for (size_t i : kMoeMatrices)
      if (node.in[i] != kNone) bytes[graph[node.in[i]].type] += graph.bytes_max(node.in[i]) * moe->n_used / moe->n_expert;
  }
  return bytes;
}

CalibrationNeeds needs_of(const Graph& graph, ActivationBits activations) {
  CalibrationNeeds needs{.activations = activations};
  const std::map<Type, int64_t> bytes = matrix_bytes_by_type(graph);
  double total = 0;
  for (const auto& [type, n] : bytes) total += static_cast<double>(n);
  for (const auto& [type, n] : bytes)
    if (static_cast<double>(n) >= kShareMin * total) needs.types.push_back(type);
  for (const Node& node : graph.nodes) {
    if (node.op() != Op::attend) continue;
    const AttendShape shape = shape_of(graph, node);
    if (std::ranges::find(needs.attends, shape) == needs.attends.end()) needs.attends.push_back(shape);
  }
  return needs;
}

bool covers(const Calibration& calibration, const CalibrationNeeds& needs) {
  return calibration.node_seconds > 0 && calibration.activations == needs.activations &&
         std::ranges::all_of(needs.types, [&](Type type) { return calibration.kernels.contains(type); }) &&
         std::ranges::all_of(needs.attends, [&](const AttendShape& shape) { return calibration.attends.contains(shape); });
}

Result<Calibration> calibrate(const Machine& machine, const CalibrationNeeds& needs, int n_threads, Calibration known) {
  const int64_t buffer_bytes = bandwidth_buffer_bytes(machine);
  if (known.activations != needs.activations) known.kernels.clear();  // the rest is the same for both forms
  known.n_threads = n_threads;
  known.activations = needs.activations;
  const AttendAttrs plain = attrs_of(needs.attends.empty() ? AttendShape{} : needs.attends.front());
  if (covers(known, needs)) return known;
  // One for all, since filling it takes longer than a measurement.
  const auto weights = std::make_shared<FilePages>(static_cast<size_t>(buffer_bytes), kWeightByte);
  std::vector<Rate> rates;
  if (known.node_seconds <= 0) {
    rates.push_back({&known.read_gbps, [=] { return Result<double>(measure_read_gbps(n_threads, 0.1, buffer_bytes)); }});
    rates.push_back({&known.file_gbps, [=] { return Result<double>(measure_read_gbps(n_threads, 0.05, weights->bytes())); }});
    rates.push_back({&known.f32_gmacs, [=] { return measure_f32_gmacs(n_threads); }});
    rates.push_back({&known.node_seconds, [=] { return measure_node_seconds(n_threads); }});
    rates.push_back({&known.row_seconds, [=]() -> Result<double> {
                       TRY_ASSIGN(const BlockSpeed block, measure_block(Type::q8_0, plain, n_threads, kLongPrompt));
                       return block.row_seconds;
                     }});
  }
  for (const Type type : needs.types) {
    if (known.kernels.contains(type)) continue;
    KernelSpeed& kernel = known.kernels[type];
    const auto decode = std::make_shared<DecodeRate>();  // one measurement gives both
    rates.push_back({&kernel.decode_gbps, [=, bits = needs.activations]() -> Result<double> {
                       TRY_ASSIGN(*decode, measure_decode_rate(type, n_threads, *weights, bits));
                       return decode->gbps;
                     }});
    rates.push_back({&kernel.node_seconds, [=]() -> Result<double> { return decode->node_seconds; }, false});
    for (const auto& [rate, n_tokens] : {std::pair{&kernel.short_gflops, kShortPrompt}, {&kernel.prefill_gflops, kLongPrompt}})
      rates.push_back({rate, [=, bits = needs.activations]() -> Result<double> {
                         TRY_ASSIGN(const BlockSpeed block, measure_block(type, plain, n_threads, n_tokens, bits));
                         return block.linear_gflops;
                       }});
  }
  for (const AttendShape& shape : needs.attends) {
    if (known.attends.contains(shape)) continue;
    AttendSpeed& attend = known.attends[shape];
    const AttendAttrs attrs = attrs_of(shape);
    rates.push_back({&attend.decode_gbps, [=] { return measure_cache_gbps(attrs, shape.k_type, n_threads, buffer_bytes); }});
    rates.push_back({&attend.prefill_gflops, [=]() -> Result<double> {
                       TRY_ASSIGN(const BlockSpeed block, measure_block(Type::q8_0, attrs, n_threads, kLongPrompt));
                       return block.attend_gflops;
                     }});
  }
  if (rates.empty()) return known;
  TRY_ASSIGN(const double noise, measure_rounds(rates));
  known.noise = std::max(known.noise, noise);
  return known;
}

Result<Calibration> calibrate(const Env& env, const CalibrationStore& store, const Machine& machine,
                              const CalibrationNeeds& needs, int n_threads, Calibration known) {
  if (known.node_seconds <= 0) {
    std::optional<Calibration> stored = store.find(n_threads, needs.activations);
    if (!stored) stored = store.find(n_threads, other_form(needs.activations));
    known = std::move(stored).value_or(Calibration{});
    if (!known.quiet) known = {};
  }
  if (covers(known, needs)) return known;
  const Watch watch(env);
  TRY_ASSIGN(Calibration calibration, calibrate(machine, needs, n_threads, std::move(known)));
  calibration.quiet = watch.seen().are_quiet();
  (void)store.put(calibration);
  return calibration;
}

}  // namespace lupo
