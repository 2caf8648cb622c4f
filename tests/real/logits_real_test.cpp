// The three real models against logits and greedy tokens of llama.cpp v0.5.0; see tests/goldens/models.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "hardware/machine.h"
#include "runtime/runtime.h"
#include "runtime/session/session.h"

namespace lupo {
namespace {

std::filesystem::path cache_folder() {
  if (const char* folder = std::getenv("LUPO_CACHE")) return folder;
  if (const char* folder = std::getenv("XDG_CACHE_HOME")) return std::filesystem::path(folder) / "lupo";
  return std::filesystem::path(std::getenv("HOME")) / ".cache" / "lupo";
}

class RealModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = nlohmann::json::parse(std::ifstream(std::string(LUPO_TESTS_DIR "/goldens/models/") + GetParam() + ".json"));
    auto model = Model::open(cache_folder() / "models" / golden_["file"].get<std::string>());
    ASSERT_TRUE(model) << model.error().what << " (scripts/fetch-models.sh fetches it)";
    model_.emplace(std::move(*model));
  }

  std::unique_ptr<Engine> load(int64_t n_ctx, int64_t n_batch, Type kv = Type::f32) {
    const auto machine = probe(real_env());
    auto engine =
        Engine::load(*model_, *machine, {.n_ctx = n_ctx, .n_batch = n_batch, .n_outputs = n_batch, .k_type = kv, .v_type = kv});
    EXPECT_TRUE(engine) << engine.error().what;
    return std::move(*engine);
  }

  nlohmann::json golden_;
  std::optional<Model> model_;
};

// The reference rounds activations to int8, and so do we, each in its own order of sums: two such runs differ by up to 0.45 on
// gemma even for one build of llama.cpp with another thread count, and llama.cpp with F32 weights differs from this golden by up
// to 0.86 on SmolLM2 (see the exact golden below). So single logits may differ by 1.2 and the mean of the top ten by 0.5.
constexpr double kSingleMax = 1.2, kMeanMax = 0.5;

TEST_P(RealModel, logits_agree_with_the_reference) {
  for (const auto& prompt : golden_["logits"]) {
    const auto ids = prompt["ids"].get<std::vector<int32_t>>();
    const auto engine = load(512, 64);
    std::vector<int32_t> outputs(ids.size());
    std::iota(outputs.begin(), outputs.end(), 0);
    ASSERT_LE(ids.size(), 64u);
    const StepSequence sequence{0, static_cast<int32_t>(ids.size()), 0};
    ASSERT_TRUE(engine->run({ids, {&sequence, 1}, outputs}));
    for (const auto& expected : prompt["positions"]) {
      const auto row = engine->logits(expected["pos"].get<int64_t>());
      const auto top_ids = expected["top_ids"].get<std::vector<size_t>>();
      const auto top_logits = expected["top_logits"].get<std::vector<float>>();
      double sum = 0;
      for (size_t i = 0; i < top_ids.size(); ++i) {
        EXPECT_NEAR(row[top_ids[i]], top_logits[i], kSingleMax)
            << prompt["prompt"] << " position " << expected["pos"] << " rank " << i;
        sum += std::abs(row[top_ids[i]] - top_logits[i]);
      }
      EXPECT_LT(sum / static_cast<double>(top_ids.size()), kMeanMax) << prompt["prompt"] << " position " << expected["pos"];
      if (top_logits[0] - top_logits[1] > 0.15f) {
        EXPECT_EQ(std::max_element(row.begin(), row.end()) - row.begin(), static_cast<std::ptrdiff_t>(top_ids[0]));
      }
    }
  }
}

// Along the reference's own tokens, whose margin was at least 0.15: each is our best as well, or behind it by no more than what
// the rounding of activations to int8 moves a logit. (The ref backend, which does not round, takes
// the golden's tokens on the two prompts tried, where the kernels do not.)
TEST_P(RealModel, greedy_continuation_follows_the_reference) {
  for (const auto& prompt : golden_["greedy"]) {
    const auto engine = load(512, 64);
    Session session(*engine);
    const auto& logits = golden_["logits"];
    const auto found =
        std::find_if(logits.begin(), logits.end(), [&](const auto& entry) { return entry["prompt"] == prompt["prompt"]; });
    ASSERT_NE(found, logits.end());
    const auto ids = (*found)["ids"].get<std::vector<int32_t>>();
    ASSERT_TRUE(session.sync(ids));
    for (const int32_t expected : prompt["ids"].get<std::vector<int32_t>>()) {
      const auto row = session.logits();
      EXPECT_GT(row[static_cast<size_t>(expected)], *std::max_element(row.begin(), row.end()) - kMeanMax)
          << prompt["prompt"] << " token " << expected;
      ASSERT_TRUE(session.append(expected));
    }
  }
}

// The ref backend rounds nothing, and neither does the reference on F32 weights: they agree to the last digits of a float sum.
TEST(ExactModel, ref_backend_equals_the_reference_on_f32_weights) {
  const auto golden = nlohmann::json::parse(std::ifstream(LUPO_TESTS_DIR "/goldens/models/smollm2-135m-instruct-exact.json"));
  const auto model = Model::open(cache_folder() / "models" / golden["file"].get<std::string>());
  ASSERT_TRUE(model) << model.error().what << " (scripts/fetch-models.sh fetches it)";
  const RuntimeOptions options{
      .backend = "ref", .n_ctx = 32, .n_batch = 32, .n_outputs = 32, .k_type = Type::f32, .v_type = Type::f32};
  const auto engine = Engine::load(*model, *probe(real_env()), options);
  ASSERT_TRUE(engine) << engine.error().what;
  for (const auto& prompt : golden["logits"]) {
    const auto ids = prompt["ids"].get<std::vector<int32_t>>();
    std::vector<int32_t> outputs(ids.size());
    std::iota(outputs.begin(), outputs.end(), 0);
    const StepSequence sequence{0, static_cast<int32_t>(ids.size()), 0};
    ASSERT_TRUE((*engine)->run({ids, {&sequence, 1}, outputs}));
    for (const auto& expected : prompt["positions"])
      for (size_t i = 0; i < expected["top_ids"].size(); ++i)
        EXPECT_NEAR((*engine)->logits(expected["pos"].get<int64_t>())[expected["top_ids"][i].get<size_t>()],
                    expected["top_logits"][i].get<float>(), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, RealModel,
                         testing::Values("smollm2-135m-instruct-q4_1", "qwen2.5-coder-0.5b-instruct-q4_k_m",
                                         "gemma-3-270m-q4_k_m"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
                           return name;
                         });

}  // namespace
}  // namespace lupo
