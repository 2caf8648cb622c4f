// Builder: faults of a file are collected and named together.
#include "graph/builder.h"

#include <gtest/gtest.h>

#include <functional>

#include "graph/ops/op.h"

namespace lupo {
namespace {

const GraphRequest kRequest{.n_ctx = 16, .n_batch = 4, .n_outputs = 4};

TEST(Builder, missing_misshapen_and_surplus_tensors_are_named_together) {
  const WeightTable weights = {{"a.weight", {Type::f32, {{8, 5, 1, 1}}}},
                               {"b.weight", {Type::i32, {{5, 7, 1, 1}}}},
                               {"extra.weight", {Type::f32, {{3, 1, 1, 1}}}}};
  Builder builder(weights, kRequest);
  Value x = builder.embed("embd", 8, 10);
  x = builder.linear(x, "a", 6);
  x = builder.linear(x, "b", 7);
  const Result<Graph> graph = builder.finish(x);
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, "bad-tensors");
  for (const char* part : {"'embd.weight' [8, 10] is missing", "'extra.weight' is in the file but not"})
    EXPECT_NE(graph.error().what.find(part), std::string::npos) << graph.error().what;
}

TEST(Builder, experts_behind_a_fault_are_not_called_surplus) {
  const WeightInfo experts{Type::f32, {{8, 8, 2, 1}}};
  const WeightTable weights = {{"g.weight", experts}, {"u.weight", experts}, {"g.bias", {Type::f32, {{8, 2, 1, 1}}}}};
  Builder builder(weights, kRequest);
  const Value x = builder.embed("embd", 8, 10);
  const Result<Graph> graph =
      builder.finish(builder.moe(x, builder.linear(x, "r", 2), "g", "u", "d", 8, {.n_expert = 2, .n_used = 1}));
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().what.find("not in this architecture"), std::string::npos) << graph.error().what;
  for (const char* part : {"'embd.weight' [8, 10] is missing", "'r.weight' is missing", "'d.weight' is missing"})
    EXPECT_NE(graph.error().what.find(part), std::string::npos) << graph.error().what;
}

TEST(Builder, wrong_shapes_and_types_are_named) {
  const WeightTable weights = {{"embd.weight", {Type::f32, {{8, 10, 1, 1}}}},
                               {"a.weight", {Type::i32, {{8, 5, 1, 1}}}},
                               {"n.weight", {Type::q8_0, {{8, 1, 1, 1}}}}};
  Builder builder(weights, kRequest);
  const Value x = builder.embed("embd", 8, 10);
  builder.norm(x, "n", 8, 1e-5f);
  builder.linear(x, "a", 6);
  const Result<Graph> graph = builder.finish(x);
  ASSERT_FALSE(graph);
  for (const char* part : {"'n.weight' has type Q8_0, wanted F32"})
    EXPECT_NE(graph.error().what.find(part), std::string::npos) << graph.error().what;
}

TEST(Builder, hundreds_of_faults_give_one_short_message) {
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back("t" + std::to_string(i));
  WeightTable weights;
  for (const std::string& name : names) weights.emplace(name, WeightInfo{Type::f32, {{4, 1, 1, 1}}});
  Builder builder(weights, kRequest);
  const Result<Graph> graph = builder.finish(0);
  ASSERT_FALSE(graph);
  EXPECT_NE(graph.error().what.find("500 faults"), std::string::npos);
  EXPECT_NE(graph.error().what.find("492 more"), std::string::npos);
  EXPECT_LT(graph.error().what.size(), 1500u);
}

TEST(Builder, a_block_that_is_left_out_is_noted_once_and_not_surplus) {
  const WeightTable weights = {{"embd.weight", {Type::f32, {{8, 10, 1, 1}}}},
                               {"blk.7.a.weight", {Type::i32, {{5, 7, 1, 1}}}},
                               {"blk.7.b.weight", {Type::f32, {{3, 1, 1, 1}}}}};
  for (const bool ignores : {true, false}) {
    Builder builder(weights, kRequest);
    const Value x = builder.embed("embd", 8, 10);
    if (ignores) builder.ignore_block(7, "a reason");
    builder.ignore_block(70, "there is none");
    const Result<Graph> graph = builder.finish(builder.select_outputs(x));
    ASSERT_EQ(graph.has_value(), ignores);
    if (graph) {
      EXPECT_EQ(graph->notes, std::vector<std::string>{"block 7 is not used: a reason"});
    }
  }
}

// What a node cannot run is a fault of the file: here operands whose sizes contradict each other.
std::string fault_of(const std::function<Value(Builder&, Value)>& make) {
  const WeightTable weights = {{"embd.weight", {Type::f32, {{8, 10, 1, 1}}}}, {"h.weight", {Type::f32, {{3, 5, 2, 1}}}}};
  Builder builder(weights, kRequest);
  builder.ignore("h.weight");
  builder.at_layer(0);
  const Result<Graph> graph = builder.finish(make(builder, builder.embed("embd", 8, 10)));
  return graph ? "" : graph.error().what;
}

TEST(Builder, contradicting_sizes_are_faults) {
  const auto contains = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(contains(fault_of([](Builder& b, Value x) { return b.linear_heads(x, "h", 5, 2); }), "wanted [4, 5, 2]"));
  EXPECT_TRUE(contains(fault_of([](Builder& b, Value x) { return b.temperature(x, {.beta = 1, .n_ctx_orig = 0}); }), "context"));
  // Values that are part of the key: not more of them than the key has, and none of their own.
  AttendAttrs at{.n_head = 1, .n_kv_head = 1, .head_dim = 8, .head_dim_v = 9, .scale = 1};
  EXPECT_TRUE(
      contains(fault_of([&](Builder& b, Value x) { return b.attend(x, x, kNone, b.cache(1, 8, 0), at); }), "within the key"));
  at.head_dim_v = 8;
  EXPECT_TRUE(contains(fault_of([&](Builder& b, Value x) { return b.attend(x, x, x, b.cache(1, 8, 0), at); }), "within the key"));
}

TEST(Builder, a_tied_weight_is_one_tensor) {
  const WeightTable weights = {{"embd.weight", {Type::f16, {{8, 10, 1, 1}}}}};
  Builder builder(weights, kRequest);
  const Value logits = builder.linear(builder.select_outputs(builder.embed("embd", 8, 10)), "embd", 10);
  const Result<Graph> graph = builder.finish(logits);
  ASSERT_TRUE(graph) << graph.error().what;
  int n_weights = 0;
  for (const Tensor& tensor : graph->tensors) n_weights += tensor.life == Life::weight;
  EXPECT_EQ(n_weights, 1);
  EXPECT_EQ((*graph)[graph->result].shape, (Shape{{10, kOutputs, 1, 1}}));
  EXPECT_EQ((*graph)[graph->result].life, Life::output);
}

TEST(Builder, heads_of_nvfp4_are_multiplied_with_their_scale) {
  for (const bool has_scale : {false, true}) {
    WeightTable weights = {{"embd.weight", {Type::f32, {{128, 10, 1, 1}}}}, {"h.weight", {Type::nvfp4, {{64, 8, 2, 1}}}}};
    if (has_scale) weights["h.scale"] = weights["h.input_scale"] = {Type::f32, {{1, 1, 1, 1}}};
    Builder builder(weights, kRequest);
    const Result<Graph> graph = builder.finish(builder.linear_heads(builder.embed("embd", 128, 10), "h", 8, 2));
    ASSERT_TRUE(graph) << graph.error().what;
    EXPECT_EQ(graph->nodes.back().op(), has_scale ? Op::mul : Op::linear_heads);
  }
}

TEST(Builder, a_cache_type_that_the_model_cannot_have_is_refused) {
  const WeightTable weights;
  for (const auto& [type, part] : {std::pair{Type::q8_0, "multiple of 32"}, std::pair{Type::q4_k, "Q4_K is not supported"}}) {
    Builder builder(weights, {.n_ctx = 16, .n_batch = 4, .n_outputs = 1, .k_type = type, .v_type = type});
    builder.at_layer(0);
    builder.cache(2, 48, 64);
    const Result<Graph> graph = builder.finish(0);
    ASSERT_FALSE(graph);
    EXPECT_EQ(graph.error().code, "kv-type");
    EXPECT_NE(graph.error().what.find(part), std::string::npos) << graph.error().what;
  }
}

TEST(Ops, every_op_is_in_the_table_under_its_own_name) {
  for (int op = 0; op < kOpCount; ++op) {
    const OpInfo& info = op_info(static_cast<Op>(op));
    EXPECT_FALSE(info.name.empty());
    EXPECT_NE(info.infer, nullptr);
    EXPECT_NE(info.cost, nullptr);
    EXPECT_NE(info.reference, nullptr);
  }
  EXPECT_EQ(op_name(Op::select), "select");
  EXPECT_EQ(op_name(Op::embed), "embed");
}

TEST(Shape, prints_symbolic_dimensions) {
  EXPECT_EQ(to_string(Shape{{576, kTokens, 1, 1}}), "[576, T]");
  EXPECT_EQ(to_string(Shape{{7, 1, 1, 1}}), "[7]");
  EXPECT_EQ((Shape{{7, kTokens, 2, 1}}).elements(5, 1), 70);
  EXPECT_EQ((Shape{{7, kOutputs, 2, 1}}).rows(5, 3), 6);
}

}  // namespace
}  // namespace lupo
