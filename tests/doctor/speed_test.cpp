// What the tracer's times are taken for, and the roof that speeds are held against.
#include "doctor/speed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "graph/ops/op.h"
#include "hardware/bandwidth.h"
#include "runtime/backend/cpu/isa.h"

namespace lupo {
namespace {

using testing::ElementsAre;

TEST(Roof, OfEveryInstructionSet) {
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    SCOPED_TRACE(kernels->name);
    for (const cpu::PeakLoop& loop : {kernels->matmul.peak.int8, kernels->matmul.peak.f32}) {
      ASSERT_NE(loop.run, nullptr);
      EXPECT_GT(loop.multiply_adds, 0);
      EXPECT_FALSE(loop.instructions.empty());
    }
    const Roof roof = measure_roof(*kernels, 1, 0.02, int64_t{16} << 20);
    EXPECT_EQ(roof.threads, 1);
    EXPECT_GT(roof.read_gbps, 0);
    EXPECT_EQ(roof.bf16_gmacs > 0, kernels->matmul.peak.bf16.run != nullptr);
    // A core does a multiply-add or more a cycle, of some GHz, and less than 64 lanes of 64 bytes.
    EXPECT_GT(roof.f32_gmacs, 0.1);
    EXPECT_GT(roof.int8_gmacs, 0.1);
    EXPECT_LT(roof.f32_gmacs, 1000);
    EXPECT_LT(roof.int8_gmacs, 4000);
  }
}

TEST(Roof, ThreadsToMeasureWith) {
  EXPECT_THAT(roof_threads(1), ElementsAre(1));
  EXPECT_THAT(roof_threads(2), ElementsAre(1, 2));
  EXPECT_THAT(roof_threads(6), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(roof_threads(0), ElementsAre(1));
}

TEST(Roof, TheGreaterOfTwo) {
  const Roof roof = greater({2, 10, 200, 0, 50}, {2, 12, 180, 0, 60});
  EXPECT_EQ(roof.threads, 2);
  EXPECT_EQ(roof.read_gbps, 12);
  EXPECT_EQ(roof.int8_gmacs, 200);
  EXPECT_EQ(roof.f32_gmacs, 60);
}

TEST(PeakSeconds, EachPartAtItsOwnPeak) {
  const StepCost cost{.flops = 14e9, .coded_flops = 8e9, .bf16_flops = 4e9};  // 4, 2 and 1 · 1e9 multiply-adds
  EXPECT_DOUBLE_EQ(peak_seconds(cost, {.int8_gmacs = 100, .bf16_gmacs = 50, .f32_gmacs = 25}), 0.04 + 0.04 + 0.04);
  EXPECT_DOUBLE_EQ(peak_seconds(cost, {.int8_gmacs = 100, .f32_gmacs = 25}), 0.04 + 0.08 + 0.04) << "BF16 goes as f32";
}

std::string golden(const std::string& name) { return std::string(LUPO_TESTS_DIR) + "/goldens/arch/" + name + ".gguf"; }

struct Sum {
  int64_t nodes = 0;
  double bytes = 0, flops = 0;
};

bool is_timed_alone(Op op) {
  return op == Op::linear || op == Op::linear_heads || op == Op::moe || op == Op::attend || op == Op::conv || op == Op::scan ||
         op == Op::delta;
}

// What a step of n_seq sequences of one token reads and computes, by op, from the ops' own figures.
std::map<std::string, Sum> expected(const Graph& graph, int64_t n_seq, int64_t depth) {
  std::map<std::string, Sum> sums;
  for (const Node& node : graph.nodes) {
    if (!is_timed_alone(node.op())) continue;
    const Cost all = op_info(node.op()).cost(graph, node, n_seq, n_seq, depth);
    const Cost one = op_info(node.op()).cost(graph, node, 1, 1, depth);
    Sum& sum = sums[std::string(op_name(node.op()))];
    sum.nodes += 1;
    sum.bytes += all.weight_bytes + static_cast<double>(n_seq) * one.state_bytes;
    sum.flops += node.op() == Op::attend ? static_cast<double>(n_seq) * one.flops : all.flops;
  }
  return sums;
}

// Every node once, whatever phases it runs in: attention, experts, heads, states.
TEST(Trace, CountsEveryNodeOnce) {
  constexpr int64_t kDepth = 20, kSteps = 2, kMean = kDepth + kSteps / 2;
  for (const char* name : {"llama", "llama-q5_0", "llama-experts-q4_1", "deepseek2", "deepseek2-q8_0", "gemma3", "gpt_oss",
                           "mamba", "mamba2", "lfm2", "qwen3next", "granitehybrid-experts"}) {
    SCOPED_TRACE(name);
    const Result<Model> model = Model::open(golden(name));
    ASSERT_TRUE(model) << model.error().what;
    for (const int64_t n_seq : {1, 2}) {
      RuntimeOptions options{.n_ctx = 64, .n_seq = n_seq, .n_batch = 16, .n_outputs = n_seq};
      options.n_threads = 1;
      const auto engine = Engine::load(*model, *probe(real_env()), options);
      ASSERT_TRUE(engine) << engine.error().what;
      const auto decode = measure_decode(**engine, kSteps, kDepth, n_seq, {.repetitions = 1, .trace = true});
      ASSERT_TRUE(decode) << decode.error().what;
      std::map<std::string, Sum> traced;
      for (const OpTime& op : decode->ops) {
        if (!expected((*engine)->graph(), n_seq, kMean).contains(op.op)) continue;
        EXPECT_EQ(op.type.empty(), op.op == "attend" || op.op == "conv" || op.op == "scan" || op.op == "delta") << op.op;
        Sum& sum = traced[op.op];
        sum.nodes += op.nodes;
        sum.bytes += op.gbps * 1e9 * op.ms / 1e3;
        sum.flops += op.gflops * 1e9 * op.ms / 1e3;
      }
      for (const auto& [op, sum] : expected((*engine)->graph(), n_seq, kMean)) {
        EXPECT_EQ(traced[op].nodes, sum.nodes) << op << ", " << n_seq << " sequences";
        EXPECT_NEAR(traced[op].bytes, sum.bytes, 1e-6 * sum.bytes) << op << ", " << n_seq << " sequences";
        EXPECT_NEAR(traced[op].flops, sum.flops, 1e-6 * sum.flops) << op << ", " << n_seq << " sequences";
      }
    }
  }
}

TEST(Trace, TypesOfExperts) {
  const Result<Model> model = Model::open(golden("llama-experts-q4_1"));
  ASSERT_TRUE(model);
  const Graph graph = *model->graph({.n_ctx = 64, .n_batch = 8});
  std::vector<NodeTime> times;
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (int phase = 0; phase < 3; ++phase) times.push_back({static_cast<int32_t>(i), 1e-3});
  bool has_moe = false;
  for (const OpTime& op : sum_by_op(graph, times, 1, 1, 1, 0)) {
    EXPECT_NEAR(op.ms, 3.0 * static_cast<double>(op.nodes), 1e-9) << op.op;
    if (op.op != "moe") continue;
    has_moe = true;
    EXPECT_THAT(op.type, testing::HasSubstr("Q4_1"));
  }
  EXPECT_TRUE(has_moe);
}

}  // namespace
}  // namespace lupo
