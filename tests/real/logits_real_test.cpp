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
#include "runtime/session/sampler.h"
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
      for (size_t i = 0; i < top_ids.size(); ++i)
        EXPECT_NEAR(row[top_ids[i]], top_logits[i], 0.5) << prompt["prompt"] << " position " << expected["pos"] << " rank " << i;
      if (top_logits[0] - top_logits[1] > 0.15f)
        EXPECT_EQ(std::max_element(row.begin(), row.end()) - row.begin(), static_cast<std::ptrdiff_t>(top_ids[0]));
    }
  }
}

TEST_P(RealModel, greedy_continuation_equals_the_reference) {
  for (const auto& prompt : golden_["greedy"]) {
    const auto engine = load(512, 64);
    Session session(*engine);
    const auto& logits = golden_["logits"];
    const auto found =
        std::find_if(logits.begin(), logits.end(), [&](const auto& entry) { return entry["prompt"] == prompt["prompt"]; });
    ASSERT_NE(found, logits.end());
    const auto ids = (*found)["ids"].get<std::vector<int32_t>>();
    ASSERT_TRUE(session.sync(ids));
    SamplingOptions greedy;
    greedy.temperature = 0;
    Sampler sampler(greedy);
    for (const int32_t expected : prompt["ids"].get<std::vector<int32_t>>()) {
      const TokenId token = sampler.sample(session.logits());
      ASSERT_EQ(token, expected) << prompt["prompt"];
      ASSERT_TRUE(session.append(token));
    }
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
