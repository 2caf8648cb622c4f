// Whole small models: the cpu backend against the ref backend, for every instruction set.
#include "program_data.h"

#include <algorithm>
#include <cmath>

namespace lupo {
namespace {

double greatest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double greatest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return INFINITY;
    greatest = std::max(greatest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return greatest;
}

std::vector<int32_t> some_tokens(int64_t n, int64_t n_vocab, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<unsigned>(n_vocab));
  return tokens;
}

std::vector<int32_t> all_rows(int64_t n) {
  std::vector<int32_t> rows(static_cast<size_t>(n));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i);
  return rows;
}

// Logits have a deviation of about 1 (every layer is normalised). Float weights: two layers of sums of at most 200 terms, each in
// f32 and in another order, stay within some hundred units of 2^-24; a quantized cache row may round the other way for it, which
// moves one code of 32 by one step. Integer products add the rounding of activations: below 1/127 of a row's largest value, in
// all products.
double tolerance(bool quantizes, Type cache) {
  if (quantizes) return 0.25;
  return cache == Type::q4_0 ? 0.2 : cache == Type::q8_0 ? 0.02 : cache == Type::bf16 ? 0.02 : cache == Type::f16 ? 2e-3 : 5e-5;
}

struct Case {
  std::string name;
  ModelShape shape;
  Type cache = Type::f32;
  bool quantizes = false;
};

std::vector<Case> cases() {
  std::vector<Case> all{{"plain", {}},
                        {"neox_bias", {.neox = true, .bias = true}},
                        {"head_norms_post_norms", {.head_norms = true, .post_norms = true}},
                        {"softcap", {.tied = false, .softcap = 20}},
                        {"window", {.n_layer = 3, .window = 5}},
                        {"chunks", {.n_layer = 3, .window = 5, .chunked = true}},
                        {"chunks_longer_than_a_tile", {.window = 40, .chunked = true}},
                        {"latent", {.latent = 40}},
                        {"latent_many_heads", {.n_layer = 1, .n_head = 130, .head_dim = 8, .latent = 24}},
                        {"latent_q8_0_cache", {.latent = 32}, Type::q8_0},
                        {"latent_integer_types", {.latent = 32, .types = {Type::q8_0, Type::f16}}, Type::f32, true},
                        {"delta_net", {.delta_net = true}},
                        {"delta_net_few_heads", {.n_head = 1, .n_kv_head = 1, .head_dim = 72, .delta_net = true}},
                        {"experts", {.n_expert = 5}},
                        // One layer: what the router reads is not rounded, so that both backends choose the same experts.
                        {"experts_integer_types", {.n_layer = 1, .n_expert = 5, .expert_type = Type::q8_0}, Type::f32, true},
                        {"experts_of_few_tokens", {.n_layer = 1, .n_expert = 40, .expert_type = Type::q8_0}, Type::f32, true},
                        {"odd_heads", {.n_head = 7, .n_kv_head = 1, .head_dim = 20}},
                        {"many_heads", {.n_layer = 1, .n_head = 72, .n_kv_head = 1, .head_dim = 8}},
                        {"float_types", {.types = {Type::f16, Type::bf16, Type::f32}}},
                        {"integer_types", {.types = {Type::q8_0, Type::f16}}, Type::f32, true}};
  for (Type cache : {Type::f16, Type::bf16, Type::q8_0, Type::q4_0})
    all.push_back({"cache_" + std::string(type_info(cache).name), {}, cache});
  return all;
}

constexpr int64_t kContext = 96;

GraphRequest request(Type cache, int64_t n_batch, int64_t n_seq = 1) {
  return {.n_ctx = kContext, .n_seq = n_seq, .n_batch = n_batch, .n_outputs = n_batch, .k_type = cache, .v_type = cache};
}

class ProgramModel : public testing::TestWithParam<std::tuple<Case, int>> {};

// 70 tokens in one step, then one by one; every row of logits is compared.
TEST_P(ProgramModel, EqualsRef) {
  const auto& [c, n_threads] = GetParam();
  const RandomWeights weights = random_weights(c.shape, 1);
  const Result<Graph> graph = build_model(c.shape, weights.table(), request(c.cache, 70));
  ASSERT_TRUE(graph) << graph.error().what;
  const auto ref_backend = make_ref_backend();
  TestProgram ref = compile(*ref_backend, *graph, weights);
  const std::vector<int32_t> tokens = some_tokens(80, c.shape.n_vocab, 2);
  const std::vector<int32_t> prompt(tokens.begin(), tokens.begin() + 70);
  const auto expected = ref.run(prompt, {{0, 70, 0}}, all_rows(70));
  std::vector<std::vector<float>> expected_next;
  for (int32_t i = 70; i < 80; ++i) expected_next.push_back(ref.run({tokens[static_cast<size_t>(i)]}, {{0, 1, i}}, {0})[0]);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    const auto backend = make_cpu_backend(*kernels, n_threads);
    TestProgram program = compile(*backend, *graph, weights);
    EXPECT_EQ(program.program->allocated(), program.plan.bytes);
    const auto actual = program.run(prompt, {{0, 70, 0}}, all_rows(70));
    for (size_t i = 0; i < 70; ++i)
      EXPECT_LE(greatest_difference(actual[i], expected[i]), tolerance(c.quantizes, c.cache)) << kernels->name << " row " << i;
    for (int32_t i = 70; i < 80; ++i) {
      const auto next = program.run({tokens[static_cast<size_t>(i)]}, {{0, 1, i}}, {0})[0];
      EXPECT_LE(greatest_difference(next, expected_next[static_cast<size_t>(i - 70)]), tolerance(c.quantizes, c.cache))
          << kernels->name << " token " << i;
    }
  }
}

// With 8-bit activations in every step; one of few tokens still has the bits of single steps.
TEST_P(ProgramModel, EqualsRefWithEightBits) {
  const auto& [c, n_threads] = GetParam();
  const RandomWeights weights = random_weights(c.shape, 9);
  const Result<Graph> graph = build_model(c.shape, weights.table(), request(c.cache, 40));
  ASSERT_TRUE(graph) << graph.error().what;
  const std::vector<int32_t> tokens = some_tokens(47, c.shape.n_vocab, 10);
  const std::vector<int32_t> prompt(tokens.begin(), tokens.begin() + 40), next(tokens.begin() + 40, tokens.end());
  const auto ref_backend = make_ref_backend();
  TestProgram ref = compile(*ref_backend, *graph, weights);
  ref.run(prompt, {{0, 40, 0}}, {});
  const auto expected = ref.run(next, {{0, 7, 40}}, all_rows(7));
  const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), n_threads, ActivationBits::eight);
  TestProgram program = compile(*backend, *graph, weights), one_by_one = compile(*backend, *graph, weights);
  program.run(prompt, {{0, 40, 0}}, {});
  one_by_one.run(prompt, {{0, 40, 0}}, {});
  const auto together = program.run(next, {{0, 7, 40}}, all_rows(7));
  for (int32_t i = 0; i < 7; ++i) {
    EXPECT_LE(greatest_difference(together[static_cast<size_t>(i)], expected[static_cast<size_t>(i)]),
              tolerance(c.quantizes, c.cache))
        << "row " << i;
    EXPECT_EQ(one_by_one.run({next[static_cast<size_t>(i)]}, {{0, 1, 40 + i}}, {0})[0], together[static_cast<size_t>(i)]);
  }
}

// A prompt in pieces, token by token or at once: the same logits, but for the order of sums.
TEST_P(ProgramModel, ChunksEqualOneStep) {
  const auto& [c, n_threads] = GetParam();
  const RandomWeights weights = random_weights(c.shape, 3);
  const Result<Graph> graph = build_model(c.shape, weights.table(), request(c.cache, 33));
  ASSERT_TRUE(graph) << graph.error().what;
  const std::vector<int32_t> tokens = some_tokens(33, c.shape.n_vocab, 4);
  const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), n_threads);
  TestProgram program = compile(*backend, *graph, weights);
  const auto expected = program.run(tokens, {{0, 33, 0}}, {32});
  for (int32_t chunk : {1, 2, 10}) {
    std::vector<std::vector<float>> last;
    for (int32_t pos = 0; pos < 33; pos += chunk) {
      const int32_t n = std::min(chunk, 33 - pos);
      last = program.run({tokens.begin() + pos, tokens.begin() + pos + n}, {{0, n, pos}}, {n - 1});
    }
    EXPECT_LE(greatest_difference(last[0], expected[0]), tolerance(c.quantizes, c.cache)) << "chunks of " << chunk;
  }
}

// Three sequences in each step, of many tokens, few and one, give each what it gets alone; they use slots out of order.
TEST_P(ProgramModel, SequencesDoNotMix) {
  const auto& [c, n_threads] = GetParam();
  const RandomWeights weights = random_weights(c.shape, 5);
  const Result<Graph> graph = build_model(c.shape, weights.table(), request(c.cache, 60, 3));
  ASSERT_TRUE(graph) << graph.error().what;
  const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), n_threads);
  TestProgram alone = compile(*backend, *graph, weights), together = compile(*backend, *graph, weights);
  const std::vector<std::vector<int32_t>> prompts{some_tokens(41, c.shape.n_vocab, 6), some_tokens(2, c.shape.n_vocab, 7),
                                                  some_tokens(1, c.shape.n_vocab, 8)};
  const std::vector<int32_t> slots{1, 2, 0};
  std::vector<StepSequence> sequences;
  std::vector<int32_t> tokens, outputs, next_tokens;
  std::vector<std::vector<float>> expected, expected_next;
  for (size_t i = 0; i < 3; ++i) {
    const int32_t n = static_cast<int32_t>(prompts[i].size());
    expected.push_back(alone.run(prompts[i], {{0, n, 0}}, {n - 1})[0]);
    expected_next.push_back(alone.run({9}, {{0, 1, n}}, {0})[0]);
    sequences.push_back({slots[i], n, 0});
    tokens.insert(tokens.end(), prompts[i].begin(), prompts[i].end());
    outputs.push_back(static_cast<int32_t>(tokens.size()) - 1);
  }
  const auto actual = together.run(tokens, sequences, outputs);
  for (StepSequence& s : sequences) s = {s.slot, 1, s.n_tokens};
  const auto actual_next = together.run({9, 9, 9}, sequences, {0, 1, 2});
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LE(greatest_difference(actual[i], expected[i]), tolerance(c.quantizes, c.cache)) << "sequence " << i;
    EXPECT_LE(greatest_difference(actual_next[i], expected_next[i]), tolerance(c.quantizes, c.cache)) << "sequence " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ProgramModel, testing::Combine(testing::ValuesIn(cases()), testing::Values(1, 3)),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + "_" + std::to_string(std::get<1>(info.param)) + "_threads";
                         });

// Eight sequences at once have 8-bit activations, fewer have 16 bits, unless all steps have 8.
TEST(ProgramStep, CodesFollowTheStep) {
  const ModelShape shape{.types = {Type::q8_0, Type::q8_0}};
  const RandomWeights weights = random_weights(shape, 1);
  const Result<Graph> graph = build_model(shape, weights.table(), request(Type::f32, 16, 8));
  ASSERT_TRUE(graph);
  const auto logits = [&](ActivationBits bits, int32_t n_seq, int32_t n_tokens) {
    const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), 1, bits);
    std::vector<StepSequence> sequences;
    for (int32_t s = 0; s < n_seq; ++s) sequences.push_back({s, n_tokens / n_seq, 0});
    return compile(*backend, *graph, weights).run(std::vector<int32_t>(static_cast<size_t>(n_tokens), 7), sequences, {0})[0];
  };
  const auto fine = ActivationBits::chosen, coarse = ActivationBits::eight;
  EXPECT_EQ(logits(fine, 8, 8), logits(coarse, 8, 8));
  EXPECT_EQ(logits(fine, 8, 16), logits(coarse, 8, 16));
  EXPECT_NE(logits(fine, 7, 7), logits(coarse, 7, 7));
  EXPECT_NE(logits(fine, 1, 8), logits(coarse, 1, 8));
  EXPECT_LE(greatest_difference(logits(fine, 1, 8), logits(coarse, 1, 8)), tolerance(true, Type::f32));
}

// A step that asks for no logits only fills the cache.
TEST(ProgramStep, NoOutputs) {
  const ModelShape shape;
  const RandomWeights weights = random_weights(shape, 1);
  const Result<Graph> graph = build_model(shape, weights.table(), request(Type::f32, 16));
  ASSERT_TRUE(graph);
  const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), 2);
  TestProgram whole = compile(*backend, *graph, weights), parts = compile(*backend, *graph, weights);
  const std::vector<int32_t> tokens = some_tokens(16, shape.n_vocab, 1);
  const auto expected = whole.run(tokens, {{0, 16, 0}}, {15});
  EXPECT_TRUE(parts.run({tokens.begin(), tokens.begin() + 15}, {{0, 15, 0}}, {}).empty());
  EXPECT_LE(greatest_difference(parts.run({tokens[15]}, {{0, 1, 15}}, {0})[0], expected[0]), tolerance(false, Type::f32));
}

TEST(ProgramStep, RefusesBadSteps) {
  const ModelShape shape;
  const RandomWeights weights = random_weights(shape, 1);
  const Result<Graph> graph = build_model(shape, weights.table(), request(Type::f32, 4));
  ASSERT_TRUE(graph);
  const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), 1);
  TestProgram program = compile(*backend, *graph, weights);
  const auto refuses = [&](const std::vector<int32_t>& tokens, const StepSequence& sequence,
                           const std::vector<int32_t>& outputs) {
    const std::vector<StepSequence> sequences{sequence};
    const Result<void> done = program.program->run({tokens, sequences, outputs});
    return !done && done.error().code == "bad-step";
  };
  EXPECT_TRUE(refuses({1, 2, 3, 4, 5}, {0, 5, 0}, {}));
  EXPECT_TRUE(refuses({50}, {0, 1, 0}, {}));
  EXPECT_TRUE(refuses({-1}, {0, 1, 0}, {}));
  EXPECT_TRUE(refuses({1}, {1, 1, 0}, {}));
  EXPECT_TRUE(refuses({1}, {0, 1, kContext}, {}));
  EXPECT_TRUE(refuses({1}, {0, 1, 0}, {1}));
  EXPECT_FALSE(refuses({1}, {0, 1, 0}, {0}));
}

// NaN in the weights reaches the logits, and nothing else happens.
TEST(ProgramStep, NanPasses) {
  const ModelShape shape{.window = 3};
  RandomWeights weights = random_weights(shape, 1);
  weights.vector("blk.0.attn_norm.weight", shape.n_embd, NAN, 1);
  const Result<Graph> graph = build_model(shape, weights.table(), request(Type::q8_0, 24));
  ASSERT_TRUE(graph);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    const auto backend = make_cpu_backend(*kernels, 2);
    TestProgram program = compile(*backend, *graph, weights);
    EXPECT_TRUE(std::isnan(program.run(some_tokens(24, shape.n_vocab, 1), {{0, 24, 0}}, {23})[0][0])) << kernels->name;
    EXPECT_TRUE(std::isnan(program.run({1}, {{0, 1, 24}}, {0})[0][0])) << kernels->name;
  }
}

// Every phase is timed once, into a node that runs in it.
TEST(ProgramTrace, TimesEveryPhase) {
  const ModelShape shape;
  const RandomWeights weights = random_weights(shape, 1);
  const Result<Graph> graph = build_model(shape, weights.table(), request(Type::f32, 16));
  ASSERT_TRUE(graph);
  const auto backend = make_cpu_backend(*cpu::supported_kernels().back(), 2);
  TestProgram program = compile(*backend, *graph, weights);
  std::vector<NodeTime> times;
  program.program->trace(&times);
  program.run({1}, {{0, 1, 0}}, {0});
  program.program->trace(nullptr);
  const size_t n_timed = times.size();
  std::vector<int> n_by_op(kOpCount);
  for (const NodeTime& time : times) {
    ASSERT_GE(time.node, 0);
    ASSERT_LT(static_cast<size_t>(time.node), graph->nodes.size());
    EXPECT_GE(time.seconds, 0);
    ++n_by_op[static_cast<size_t>(graph->nodes[static_cast<size_t>(time.node)].op())];
  }
  EXPECT_EQ(n_by_op[static_cast<size_t>(Op::attend)], 2);  // one phase a layer
  EXPECT_GE(n_by_op[static_cast<size_t>(Op::linear)], 9);  // q·k·v, output, gate·up and down of two layers, and the head
  program.run({1}, {{0, 1, 1}}, {0});
  EXPECT_EQ(times.size(), n_timed);  // no longer traced
}

}  // namespace
}  // namespace lupo
