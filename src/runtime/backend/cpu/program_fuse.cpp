#include "runtime/backend/cpu/program_fuse.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace lupo::cpu {
namespace {

bool has_fixed_state(Op op) { return op == Op::conv || op == Op::scan || op == Op::delta; }
bool is_row_wise(Op op) {
  return op != Op::linear && op != Op::linear_heads && op != Op::attend && op != Op::moe && !has_fixed_state(op);
}

bool same_table(const RopeAttrs& a, const RopeAttrs& b) {
  const auto key = [](const RopeAttrs& r) {
    return std::tuple(r.n_rot, r.freq_base, r.freq_scale, r.ext_factor, r.attn_factor, r.beta_fast, r.beta_slow, r.n_ctx_orig);
  };
  return key(a) == key(b);
}

class Scheduler {
 public:
  Scheduler(const Graph& graph, const Kernels& kernels) : graph_(graph), kernels_(kernels) {
    producer_.assign(graph.tensors.size(), -1);
    n_readers_.assign(graph.tensors.size(), 0);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      producer_[static_cast<size_t>(graph.nodes[i].out)] = static_cast<int32_t>(i);
      for (TensorId id : graph.nodes[i].in)
        if (id != kNone) ++n_readers_[static_cast<size_t>(id)];
    }
    in_chain_.assign(graph.nodes.size(), false);
    schedule_.stage.assign(graph.nodes.size(), -1);
    schedule_.table_of.assign(graph.nodes.size(), -1);
  }

  Schedule run() {
    add_tables();
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[i].op() == Op::attend) find_chains(static_cast<int32_t>(i));
    while (add_rows() || add_matmul() || add_attend() || add_heads() || add_moe() || add_state()) {
    }
    return std::move(schedule_);
  }

 private:
  const Node& node(int32_t i) const { return graph_.nodes[static_cast<size_t>(i)]; }
  int32_t n_nodes() const { return static_cast<int32_t>(graph_.nodes.size()); }
  bool is_done(int32_t i) const { return schedule_.stage[static_cast<size_t>(i)] >= 0; }
  bool over_outputs(TensorId id) const { return graph_[id].shape.dim[1] == kOutputs; }

  void add_tables() {
    for (int32_t i = 0; i < n_nodes(); ++i) {
      if (node(i).op() != Op::rope) continue;
      const auto& attrs = std::get<RopeAttrs>(node(i).attrs);
      auto& tables = schedule_.tables;
      const auto same = [&](const RopeTable& table) { return table.factors == node(i).in[2] && same_table(table.attrs, attrs); };
      const auto found = std::find_if(tables.begin(), tables.end(), same);
      schedule_.table_of[static_cast<size_t>(i)] = static_cast<int32_t>(found - tables.begin());
      if (found == tables.end()) tables.push_back({attrs, node(i).in[2], 0});
    }
    if (schedule_.tables.empty()) return;
    const auto first = std::find(schedule_.table_of.begin(), schedule_.table_of.end(), 0);
    add({.kind = Phase::Kind::tables, .main_node = static_cast<int32_t>(first - schedule_.table_of.begin())});
  }

  // The norms and rotations of whole heads that stand before an operand of the attention and that nobody else reads.
  std::vector<int32_t> chain_of(TensorId operand, int64_t head_dim) {
    std::vector<int32_t> chain;
    for (TensorId id = operand; id != kNone && n_readers_[static_cast<size_t>(id)] == 1;) {
      const int32_t i = producer_[static_cast<size_t>(id)];
      if (i < 0) break;
      const auto* norm = std::get_if<NormAttrs>(&node(i).attrs);
      const auto* rope = std::get_if<RopeAttrs>(&node(i).attrs);
      if (!(norm && norm->width == head_dim) && !(rope && rope->head_dim == head_dim)) break;
      chain.insert(chain.begin(), i);
      in_chain_[static_cast<size_t>(i)] = true;
      id = node(i).in[0];
    }
    return chain;
  }

  void find_chains(int32_t i) {
    const auto& attrs = std::get<AttendAttrs>(node(i).attrs);
    Phase phase{.kind = Phase::Kind::attend, .nodes = {i}, .main_node = i};
    phase.q_chain = chain_of(node(i).in[0], attrs.head_dim);
    // Without a cache keys are read where they lie: their norms and rotations run before.
    if (node(i).in[3] != kNone) phase.k_chain = chain_of(node(i).in[1], attrs.head_dim);
    attends_.push_back(std::move(phase));
  }

  // What a chain reads, or the operand itself.
  TensorId source_of(const std::vector<int32_t>& chain, TensorId operand) const {
    return chain.empty() ? operand : node(chain.front()).in[0];
  }

  bool is_ready(TensorId id) const {
    return id == kNone || producer_[static_cast<size_t>(id)] < 0 || is_done(producer_[static_cast<size_t>(id)]);
  }
  bool are_ready(const Node& n) const {
    return std::all_of(n.in.begin(), n.in.end(), [this](TensorId id) { return is_ready(id); });
  }

  void add(Phase phase) {
    for (const auto* list : {&phase.nodes, &phase.q_chain, &phase.k_chain})
      for (int32_t i : *list) mark(i, static_cast<int32_t>(schedule_.phases.size()));
    schedule_.phases.push_back(std::move(phase));
  }
  void mark(int32_t i, int32_t stage) { schedule_.stage[static_cast<size_t>(i)] = stage; }

  // A select or a pool reads rows that other threads may be writing in this very phase.
  bool reads_phase(const Node& n, int32_t stage) const {
    const int32_t maker = producer_[static_cast<size_t>(n.in[0])];
    return maker >= 0 && schedule_.stage[static_cast<size_t>(maker)] == stage;
  }

  bool add_rows() {
    Phase phase{.kind = Phase::Kind::rows};
    const int32_t stage = static_cast<int32_t>(schedule_.phases.size());
    for (int32_t i = 0; i < n_nodes(); ++i) {  // one pass is enough: nodes stand in an order that runs
      const Node& n = node(i);
      if (is_done(i) || !is_row_wise(n.op()) || in_chain_[static_cast<size_t>(i)] || !are_ready(n)) continue;
      if (!phase.nodes.empty() && over_outputs(n.out) != phase.over_outputs) continue;
      if ((n.op() == Op::select || n.op() == Op::pool) && reads_phase(n, stage)) continue;
      phase.over_outputs = over_outputs(n.out);
      phase.nodes.push_back(i);
      mark(i, stage);
    }
    if (phase.nodes.empty()) return false;
    phase.main_node = phase.nodes.back();
    add(std::move(phase));
    return true;
  }

  bool add_matmul() {
    Phase phase{.kind = Phase::Kind::matmul};
    TensorId x = kNone;
    bool quantizes = false;
    for (int32_t i = 0; i < n_nodes(); ++i) {
      const Node& n = node(i);
      if (is_done(i) || n.op() != Op::linear || !are_ready(n) || (x != kNone && n.in[1] != x)) continue;
      x = n.in[1];
      quantizes |= kernels_.matmul.find(graph_[n.in[0]].type).quantizes;
      phase.nodes.push_back(i);
    }
    if (phase.nodes.empty()) return false;
    phase.over_outputs = over_outputs(x);
    phase.main_node = phase.nodes.back();
    if (quantizes) quantize(x, phase.main_node);
    add(std::move(phase));
    return true;
  }

  // At the end of the phase before, where that works on the same rows; in a phase of its own otherwise.
  void quantize(TensorId x, int32_t reader) {
    Phase* last = schedule_.phases.empty() ? nullptr : &schedule_.phases.back();
    if (last == nullptr || last->kind != Phase::Kind::rows || last->over_outputs != over_outputs(x)) {
      add({.kind = Phase::Kind::rows, .over_outputs = over_outputs(x), .main_node = reader});
      last = &schedule_.phases.back();
    }
    last->quantized = x;
  }

  bool add_heads() { return add_phases(Op::linear_heads, {Phase::Kind::heads_gather, Phase::Kind::heads_multiply}); }
  bool add_moe() {
    using Kind = Phase::Kind;
    return add_phases(Op::moe, {Kind::moe_route, Kind::moe_gather, Kind::moe_up, Kind::moe_act, Kind::moe_down, Kind::moe_sum});
  }

  // All phases of the first node of an op that can run.
  bool add_phases(Op op, std::initializer_list<Phase::Kind> kinds) {
    for (int32_t i = 0; i < n_nodes(); ++i) {
      if (is_done(i) || node(i).op() != op || !are_ready(node(i))) continue;
      for (Phase::Kind kind : kinds) add({.kind = kind, .nodes = {i}, .over_outputs = over_outputs(node(i).out), .main_node = i});
      return true;
    }
    return false;
  }

  bool add_state() {
    for (int32_t i = 0; i < n_nodes(); ++i) {
      if (is_done(i) || !has_fixed_state(node(i).op()) || !are_ready(node(i))) continue;
      add({.kind = Phase::Kind::state, .nodes = {i}, .main_node = i});
      return true;
    }
    return false;
  }

  bool add_attend() {
    for (Phase& phase : attends_) {
      if (phase.nodes.empty()) continue;  // moved into the schedule
      const Node& n = node(phase.nodes.front());
      const bool ready =
          is_ready(source_of(phase.q_chain, n.in[0])) && is_ready(source_of(phase.k_chain, n.in[1])) && is_ready(n.in[2]);
      // Layers that share a cache run in the graph's order.
      const bool in_order = std::none_of(attends_.begin(), attends_.end(), [&](const Phase& other) {
        return !other.nodes.empty() && other.nodes.front() < phase.nodes.front() && node(other.nodes.front()).in[3] == n.in[3];
      });
      if (!ready || !in_order) continue;
      add(std::exchange(phase, Phase{.kind = Phase::Kind::attend}));
      return true;
    }
    return false;
  }

  const Graph& graph_;
  const Kernels& kernels_;
  std::vector<int32_t> producer_;   // of each tensor: its node, −1 where none
  std::vector<int32_t> n_readers_;  // of each tensor
  std::vector<bool> in_chain_;      // of each node: runs inside an attention
  std::vector<Phase> attends_;      // not scheduled yet, in the graph's order
  Schedule schedule_;
};

int64_t aligned(int64_t bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

// Room for the greatest mixture or linear of heads; an expert's tokens have codes of the form that their number calls for.
template <class Take>
WorkspaceLayout::Gathered gathered_layout(const Graph& graph, const Kernels& kernels, Take take) {
  constexpr int64_t kFloat = sizeof(float);
  int64_t n_expert = 0, n_rows = 0, code = 0, groups = 0, n_ff = 0, inputs = 0;
  const int64_t n_tokens = std::max(graph.n_batch, graph.n_outputs);
  for (const Node& node : graph.nodes) {
    if (node.op() == Op::linear_heads) {
      const Shape& weight = graph[node.in[0]].shape;
      const int64_t k = weight.dim[0], n_head = weight.dim[2], few = std::min(n_tokens, kFewTokens - 1);
      const bool quantizes = kernels.matmul.find(graph[node.in[0]].type).quantizes;
      code = std::max(code, quantizes ? n_head * std::max(gathered_code_bytes(k, few), gathered_code_bytes(k, n_tokens)) : 0);
      groups = std::max(groups, quantizes ? k / 32 * n_tokens * n_head : 0);
      inputs = std::max(inputs, quantizes ? 0 : k * n_tokens * n_head);
    }
    if (node.op() != Op::moe) continue;
    const auto& moe = std::get<MoeAttrs>(node.attrs);
    const int64_t rows = n_tokens * moe.n_used;
    n_expert = std::max(n_expert, moe.n_expert);
    n_rows = std::max(n_rows, rows);
    n_ff = std::max(n_ff, graph[node.in[4]].shape.dim[0] * rows);
    inputs = std::max(inputs, std::max(graph[node.out].shape.dim[0] * rows, n_ff));
    for (size_t i : kMoeMatrices) {
      const TensorId id = node.in[i];
      if (id == kNone) continue;
      const int64_t k = graph[id].shape.dim[0];
      const int64_t few = std::min(rows, (kFewTokens - 1) * moe.n_expert) * activation_chunks(k);
      const bool quantizes = kernels.matmul.find(graph[id].type).quantizes;
      code = std::max(code, quantizes ? few * static_cast<int64_t>(sizeof(ActivationChunk)) + 2 * k * rows : 0);
      groups = std::max(groups, quantizes ? k / 32 * rows : 0);
    }
  }
  if (n_rows == 0 && code == 0 && inputs == 0) return {};
  return {.begin = take((n_expert + 1) * kFloat),
          .code_begin = take(2 * n_expert * static_cast<int64_t>(sizeof(int64_t))),
          .tokens = take(n_rows * kFloat),
          .slots = take(n_rows * kFloat),
          .weights = take(n_rows * kFloat),
          .codes = take(code + kArenaAlignment * (n_expert + 1)),
          .scales = take(groups * kFloat),
          .sums = take(groups * kFloat),
          .sums_16 = take(2 * groups * kFloat),
          .gate = take(n_ff * kFloat),
          .up = take(n_ff * kFloat),
          .inputs = take(inputs * kFloat)};
}

}  // namespace

Schedule make_schedule(const Graph& graph, const Kernels& kernels) { return Scheduler(graph, kernels).run(); }

WorkspaceLayout make_layout(const Graph& graph, Schedule& schedule, const Kernels& kernels, int n_threads) {
  constexpr int64_t kFloat = sizeof(float);
  WorkspaceLayout layout;
  const int64_t n_rows = std::max(graph.n_batch, graph.n_outputs);
  const auto take = [&layout](int64_t bytes) { return std::exchange(layout.bytes, layout.bytes + aligned(bytes)); };
  int64_t partial = 0;
  for (const Node& node : graph.nodes) {
    if (node.op() == Op::linear) {
      const Tensor& weight = graph[node.in[0]];
      layout.thread_bytes = std::max(layout.thread_bytes, kernels.matmul.scratch_bytes(weight.shape.dim[0]));
      if (kernels.matmul.find(weight.type).quantizes) layout.quantized_k = std::max(layout.quantized_k, weight.shape.dim[0]);
    } else if (node.op() == Op::linear_heads) {
      layout.thread_bytes = std::max(layout.thread_bytes, kernels.matmul.scratch_bytes(graph[node.in[0]].shape.dim[0]));
    } else if (node.op() == Op::moe) {
      for (size_t i : kMoeMatrices)
        if (node.in[i] != kNone)
          layout.thread_bytes = std::max(layout.thread_bytes, kernels.matmul.scratch_bytes(graph[node.in[i]].shape.dim[0]));
    } else if (node.op() == Op::delta) {
      const Shape& state = graph[node.in[5]].shape;
      layout.thread_bytes = std::max(layout.thread_bytes, delta_scratch_floats(state.dim[0], state.dim[1]) * kFloat);
    } else if (node.op() == Op::attend) {
      const auto& at = std::get<AttendAttrs>(node.attrs);
      const int64_t n_rep = heads_at_once(at), width = padded_width(at.head_dim);
      // The rows of q, one head on its way through a chain (two buffers), the kernel's own scratch and ALiBi's slopes.
      const int64_t q_rows = std::max(kTileRows, padded_rows(n_rep)),
                    kernel = std::max(tile_scratch_floats(at.head_dim, at.head_dim_v), stream_scratch_floats());
      layout.thread_bytes = std::max(layout.thread_bytes, ((q_rows + 2) * width + kernel + n_rep) * kFloat);
      partial = std::max(partial, aligned(partial_floats(n_rep, at.head_dim_v) * kFloat));
    }
  }
  const int64_t k = layout.quantized_k;
  // Chunks of few tokens or codes of more: a step has one or the other.
  const int64_t few = std::min(n_rows, kFewTokens - 1) * activation_chunks(k) * static_cast<int64_t>(sizeof(ActivationChunk));
  layout.codes = take(std::max(few, code_bytes(k, n_rows)));
  layout.scales = take(k / 32 * n_rows * kFloat);
  layout.sums = take(k / 32 * n_rows * kFloat);
  layout.sums_16 = take(k / 16 * n_rows * kFloat);
  for (RopeTable& table : schedule.tables) table.offset = take(table.attrs.n_rot * graph.n_batch * kFloat);
  layout.gathered = gathered_layout(graph, kernels, take);
  layout.partials_bytes = partial;
  layout.partials = take(partial * 2 * kPartsPerThread * n_threads * std::min(n_rows, kFewTokens - 1));
  layout.thread_bytes = aligned(layout.thread_bytes);
  layout.threads = take(layout.thread_bytes * n_threads);
  return layout;
}

}  // namespace lupo::cpu
