// The planner: no two tensors that live at once share a byte, and the sums are what the tensors say.
#include "memory/plan.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/builder.h"

namespace lupo {
namespace {

// A chain with branches: node i reads one or two earlier results.
Graph random_graph(unsigned seed, int n_nodes) {
  std::mt19937 random(seed);
  Graph graph;
  graph.n_batch = 8;
  graph.n_outputs = 2;
  const auto add = [&](Life life, int64_t width) {
    graph.tensors.push_back({Type::f32, {{width, kTokens, 1, 1}}, life, StatePolicy::none, "t"});
    return static_cast<TensorId>(graph.tensors.size() - 1);
  };
  graph.tokens = add(Life::input, 1);
  std::vector<TensorId> made = {graph.tokens};
  for (int i = 0; i < n_nodes; ++i) {
    Node node{AddAttrs{},
              {made[random() % made.size()], made[random() % made.size()]},
              add(i + 1 == n_nodes ? Life::output : Life::scratch, 1 + static_cast<int64_t>(random() % 500))};
    made.push_back(node.out);
    graph.nodes.push_back(node);
  }
  return graph;
}

// First and last stage in which a tensor is touched; inputs and outputs are there for the whole step.
std::pair<int, int> life_of(const Graph& graph, const Caps& caps, TensorId id) {
  const int end = caps.stage.empty() ? static_cast<int>(graph.nodes.size()) : caps.stage.back() + 1;
  if (graph[id].life != Life::scratch) return {0, end};
  int first = end, last = -1;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (node.out != id && std::find(node.in.begin(), node.in.end(), id) == node.in.end()) continue;
    const int stage = caps.stage.empty() ? static_cast<int>(n) : caps.stage[n];
    first = std::min(first, stage);
    last = std::max(last, stage);
  }
  return {first, last};
}

void expect_no_overlap(const Graph& graph, const Caps& caps, const Plan& plan) {
  for (TensorId a = 0; a < static_cast<TensorId>(graph.tensors.size()); ++a)
    for (TensorId b = 0; b < a; ++b) {
      const auto [a_first, a_last] = life_of(graph, caps, a);
      const auto [b_first, b_last] = life_of(graph, caps, b);
      if (a_last < b_first || b_last < a_first) continue;
      const int64_t a_at = plan.offset[static_cast<size_t>(a)], b_at = plan.offset[static_cast<size_t>(b)];
      EXPECT_TRUE(a_at + graph.bytes_max(a) <= b_at || b_at + graph.bytes_max(b) <= a_at) << "tensors " << a << " and " << b;
      EXPECT_LE(a_at + graph.bytes_max(a), plan.scratch_arena_bytes);
      EXPECT_EQ(a_at % kArenaAlignment, 0);
    }
}

TEST(Plan, tensors_that_live_at_once_never_overlap) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const Graph graph = random_graph(seed, 5 + static_cast<int>(seed));
    Caps caps{.backend = "test", .unsupported = {}, .workspace_bytes = 1000, .stage = {}};
    for (bool staged : {false, true}) {
      if (staged)
        for (size_t n = 0; n < graph.nodes.size(); ++n) caps.stage.push_back(static_cast<int32_t>(n / 3));
      const Result<Plan> plan = plan_memory(graph, caps);
      ASSERT_TRUE(plan);
      expect_no_overlap(graph, caps, *plan);
      EXPECT_EQ(plan->bytes.scratch, plan->scratch_arena_bytes + 1000);
    }
  }
}

TEST(Plan, dead_tensors_give_their_bytes_back) {
  Graph graph = random_graph(1, 1);
  graph.nodes.clear();
  graph.tensors.resize(1);
  for (int i = 0; i < 50; ++i) {  // a chain: two tensors alive at a time
    graph.tensors.push_back({Type::f32, {{1024, kTokens, 1, 1}}, i == 49 ? Life::output : Life::scratch, StatePolicy::none, "t"});
    graph.nodes.push_back({AddAttrs{}, {static_cast<TensorId>(i), kNone}, static_cast<TensorId>(i + 1)});
  }
  const Result<Plan> plan = plan_memory(graph, {.backend = "test", .unsupported = {}, .workspace_bytes = 0, .stage = {}});
  ASSERT_TRUE(plan);
  EXPECT_LE(plan->scratch_arena_bytes, 3 * 1024 * 8 * 4 + 64);
}

TEST(Plan, an_op_that_the_backend_lacks_is_named) {
  const Result<Plan> plan = plan_memory(
      random_graph(1, 3), {.backend = "test", .unsupported = {"add F32: no kernel"}, .workspace_bytes = 0, .stage = {}});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, "unsupported-op");
  EXPECT_NE(plan.error().what.find("add F32"), std::string::npos);
}

// KV bytes of a two-layer graph, one full and one sliding, against the arithmetic written out.
TEST(Plan, cache_bytes_follow_context_window_and_type) {
  const WeightTable weights;
  for (const auto& [type, row] :
       {std::pair{Type::f32, 256}, std::pair{Type::f16, 128}, std::pair{Type::q8_0, 68}, std::pair{Type::q4_0, 36}}) {
    Builder builder(weights, {.n_ctx = 4096, .n_seq = 2, .n_batch = 512, .n_outputs = 1, .k_type = type, .v_type = type});
    builder.at_layer(0);
    builder.cache(3, 64, 64);
    builder.cache(3, 64, 64, 1024);
    const Result<Graph> graph = builder.finish(0);
    ASSERT_TRUE(graph);
    const Result<Plan> plan = plan_memory(*graph, {.backend = "test", .unsupported = {}, .workspace_bytes = 0, .stage = {}});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->bytes.kv, int64_t{2} * 2 * 3 * row * (4096 + 1024 + 512)) << type_info(type).name;
  }
}

}  // namespace
}  // namespace lupo
