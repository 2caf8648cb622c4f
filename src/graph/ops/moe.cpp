// moe: each token through the experts its router chooses.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "graph/ops/check.h"

namespace lupo {
namespace {

const MoeAttrs& attrs_of(const Node& node) { return std::get<MoeAttrs>(node.attrs); }

Result<void> check_experts(const Graph& graph, TensorId id, int64_t n_in, int64_t n_out, int64_t n_expert) {
  if (graph[id].shape != Shape{{n_in, n_out, n_expert, 1}})
    return bad_operand("moe", graph, id, fmt::format("[{}, {}, {}]", n_in, n_out, n_expert));
  return {};
}

Result<void> check_bias(const Graph& graph, TensorId id, int64_t n, int64_t n_expert) {
  if (id != kNone && (graph[id].type != Type::f32 || graph[id].shape != Shape{{n, n_expert, 1, 1}}))
    return bad_operand("moe", graph, id, fmt::format("F32 [{}, {}]", n, n_expert));
  return {};
}

Result<Shape> infer(const Graph& graph, const Node& node) {
  const int64_t width = graph[node.in[0]].shape.dim[0], n_ff = graph[node.in[4]].shape.dim[0];  // C, F
  const MoeAttrs& moe = attrs_of(node);
  if (moe.n_group < 1 || moe.n_expert % moe.n_group != 0 || moe.n_group_used < 1 || moe.n_group_used > moe.n_group ||
      moe.n_used < 1 || moe.n_used > moe.n_expert / moe.n_group * moe.n_group_used)
    return bad_operand(
        "moe", graph, node.in[1],
        fmt::format("{} of {} experts out of {} of {} groups", moe.n_used, moe.n_expert, moe.n_group_used, moe.n_group));
  TRY(check_rows("moe", graph, node.in[0], 0));
  TRY(check_rows("moe", graph, node.in[1], moe.n_expert));
  TRY(check_experts(graph, node.in[2], width, n_ff, moe.n_expert));
  if (node.in[3] != kNone) TRY(check_experts(graph, node.in[3], width, n_ff, moe.n_expert));
  TRY(check_experts(graph, node.in[4], n_ff, width, moe.n_expert));
  TRY(check_vector("moe", graph, node.in[5], moe.n_expert));
  TRY(check_bias(graph, node.in[6], n_ff, moe.n_expert));
  TRY(check_bias(graph, node.in[7], n_ff, moe.n_expert));
  TRY(check_bias(graph, node.in[8], width, moe.n_expert));
  for (size_t i : kMoeMatrices) TRY(check_vector("moe", graph, node.in[i + kMoeScale], moe.n_expert));
  return graph[node.in[0]].shape;
}

// Bytes: experts that T tokens are expected to choose when every choice is as likely, E · (1 − (1 − k/E)^T); exact for T = 1.
Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t, int64_t) {
  const MoeAttrs& moe = attrs_of(node);
  const double n_expert = static_cast<double>(moe.n_expert), share = static_cast<double>(moe.n_used) / n_expert;
  double elements = 0, bytes = 0;  // of one expert
  for (size_t i : kMoeMatrices) {
    if (node.in[i] == kNone) continue;
    const Tensor& weight = graph[node.in[i]];
    elements += static_cast<double>(weight.shape.dim[0]) * static_cast<double>(weight.shape.dim[1]);
    bytes += static_cast<double>(weight.shape.dim[1] * row_bytes(weight.type, weight.shape.dim[0]));
  }
  const double n_tokens_f = static_cast<double>(n_tokens);
  return {.flops = 2 * elements * static_cast<double>(moe.n_used) * n_tokens_f,
          .weight_bytes = bytes * n_expert * (1 - std::pow(1 - share, n_tokens_f))};
}

// y[f] = scale[expert] · Σ_k weight[k, f, expert] · x[k] + bias[f, expert], of matrix `in`.
void multiply(const Execution& run, const Node& node, size_t in, int64_t expert, const std::vector<float>& x,
              std::vector<float>& y) {
  const TensorId id = node.in[in];
  const Tensor& weight = run.graph[id];
  const int64_t n_in = weight.shape.dim[0], n_out = weight.shape.dim[1], bytes = row_bytes(weight.type, n_in);
  const float *bias = run.f32(node.in[in + kMoeBias]), *scale = run.f32(node.in[in + kMoeScale]);
  std::vector<float> row(static_cast<size_t>(n_in));
  for (int64_t f = 0; f < n_out; ++f) {
    type_info(weight.type).to_float(run.bytes(id) + (expert * weight.rows_apart + f) * bytes, row.data(), n_in);
    const double dot = std::inner_product(row.begin(), row.end(), x.begin(), 0.0);
    y[static_cast<size_t>(f)] = static_cast<float>((scale ? scale[expert] : 1) * dot + (bias ? bias[expert * n_out + f] : 0));
  }
}

double gated(const MoeAttrs& moe, double gate, double up) {
  if (moe.limit <= 0) return activation(moe.act, gate) * up;
  const double limit = moe.limit, g = std::min(gate, limit), u = std::clamp(up, -limit, limit);
  return g / (1 + std::exp(-kOssSlope * g)) * (u + 1);
}

void reference(const Execution& run, const Node& node) {
  const MoeAttrs& moe = attrs_of(node);
  const int64_t width = run.graph[node.out].shape.dim[0], n_ff = run.graph[node.in[4]].shape.dim[0];  // C, F
  std::vector<int32_t> experts(static_cast<size_t>(moe.n_used));
  std::vector<float> weights(experts.size()), x(static_cast<size_t>(width)), down(x.size());
  std::vector<float> gate(static_cast<size_t>(n_ff)), up(gate.size());
  for (int64_t t = 0; t < run.rows(node.out); ++t) {
    const float* row = run.f32(node.in[0]) + t * width;
    std::vector<double> sum(x.size());
    route(moe, run.f32(node.in[1]) + t * moe.n_expert, run.f32(node.in[5]), experts.data(), weights.data());
    for (size_t i = 0; i < experts.size(); ++i) {
      for (size_t c = 0; c < x.size(); ++c) x[c] = moe.weighs_input ? weights[i] * row[c] : row[c];
      multiply(run, node, 2, experts[i], x, gate);
      if (node.in[3] != kNone) multiply(run, node, 3, experts[i], x, up);
      for (size_t f = 0; f < gate.size(); ++f)
        gate[f] = static_cast<float>(node.in[3] == kNone ? activation(moe.act, gate[f]) : gated(moe, gate[f], up[f]));
      multiply(run, node, 4, experts[i], gate, down);
      for (size_t c = 0; c < sum.size(); ++c) sum[c] += moe.weighs_input ? double{down[c]} : double{weights[i]} * down[c];
    }
    std::copy(sum.begin(), sum.end(), run.f32(node.out) + t * width);
  }
}

constexpr double kLowest = -std::numeric_limits<double>::infinity();

// Of experts that are not in one of the best groups the rank becomes the lowest.
void keep_best_groups(const MoeAttrs& moe, std::vector<double>& rank) {
  if (moe.n_group_used == moe.n_group) return;
  const int64_t size = moe.n_expert / moe.n_group;
  std::vector<std::pair<double, int64_t>> groups;  // (−sum of the two best ranks, group)
  for (int64_t g = 0; g < moe.n_group; ++g) {
    std::vector<double> members(rank.begin() + g * size, rank.begin() + (g + 1) * size);
    std::partial_sort(members.begin(), members.begin() + std::min<int64_t>(2, size), members.end(), std::greater());
    groups.emplace_back(size > 1 ? -members[0] - members[1] : -members[0], g);
  }
  std::sort(groups.begin(), groups.end());
  for (size_t i = static_cast<size_t>(moe.n_group_used); i < groups.size(); ++i)
    std::fill_n(rank.begin() + groups[i].second * size, size, kLowest);
}

}  // namespace

void route(const MoeAttrs& moe, const float* router, const float* selection, int32_t* experts, float* weights) {
  const size_t n_expert = static_cast<size_t>(moe.n_expert), n_used = static_cast<size_t>(moe.n_used);
  std::vector<double> score(router, router + n_expert);
  const auto softmax = [](auto begin, auto end) {
    const double highest = *std::max_element(begin, end);
    double sum = 0;
    for (auto s = begin; s != end; ++s) sum += * s = std::exp(*s - highest);
    for (auto s = begin; s != end; ++s) *s /= sum;
  };
  if (moe.gating == Gating::softmax) softmax(score.begin(), score.end());
  if (moe.gating == Gating::sigmoid)
    for (double& s : score) s = 1 / (1 + std::exp(-s));
  std::vector<double> rank = score;
  for (size_t i = 0; i < n_expert; ++i) {
    if (selection != nullptr) rank[i] += selection[i];
    if (std::isnan(rank[i])) rank[i] = kLowest;  // an order even where a weight is broken
  }
  keep_best_groups(moe, rank);
  std::vector<int32_t> order(n_expert);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(n_used), order.end(), [&](int32_t a, int32_t b) {
    const double x = rank[static_cast<size_t>(a)], y = rank[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  std::vector<double> chosen(n_used);
  for (size_t i = 0; i < n_used; ++i) chosen[i] = score[static_cast<size_t>(order[i])];
  if (moe.gating == Gating::softmax_used) softmax(chosen.begin(), chosen.end());
  constexpr double kSumMin = 6.103515625e-5;  // the least normal half: the reference's guard against a division by nothing
  const double sum = moe.normalise ? std::max(std::accumulate(chosen.begin(), chosen.end(), 0.0), kSumMin) : 1;
  for (size_t i = 0; i < n_used; ++i) {
    experts[i] = order[i];
    weights[i] = static_cast<float>(chosen[i] / sum * moe.weight_scale);
  }
}

const OpInfo moe_op{"moe", infer, cost, reference};

}  // namespace lupo
