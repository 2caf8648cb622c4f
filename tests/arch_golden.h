// The tiny models of tests/goldens/arch, each a parameter of a test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <sstream>

#include "model/model.h"
#include "runtime/runtime.h"

namespace lupo {

inline const std::filesystem::path kGoldens = LUPO_TESTS_DIR "/goldens/arch";

inline nlohmann::json golden(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(kGoldens / (name + ".json")));
}

// Those that hold `what`: "logits" or "pooling"; "architecture" is in all. Every test's process asks, several times: the texts
// are read once and searched, since reading them as JSON would take half a second.
inline std::vector<std::string> golden_names(const std::string& what = "logits") {
  static const std::map<std::string, std::string> texts = [] {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) {
      if (entry.path().extension() != ".gguf") continue;
      const std::string name = entry.path().stem();
      std::ostringstream text;
      text << std::ifstream(kGoldens / (name + ".json")).rdbuf();
      all.emplace(name, std::move(text).str());
    }
    return all;
  }();
  std::vector<std::string> names;
  for (const auto& [name, text] : texts)
    if (text.find('"' + what + "\":") != std::string::npos) names.push_back(name);
  return names;
}

inline Result<std::unique_ptr<Engine>> load(const Model& model, const std::string& backend, int64_t n_ctx, int64_t n_batch,
                                            Type kv = Type::f32, int64_t n_seq = 1) {
  return Engine::load(model, Machine{},
                      {.backend = backend,
                       .n_ctx = n_ctx,
                       .n_seq = n_seq,
                       .n_batch = n_batch,
                       .n_outputs = n_batch,
                       .k_type = kv,
                       .v_type = kv,
                       .n_threads = 2});
}

// Logits [n_tokens][V] of ids run in chunks of these sizes, again and again.
inline std::vector<std::vector<float>> run(Engine& engine, const std::vector<int32_t>& ids, const std::vector<size_t>& chunks) {
  std::vector<std::vector<float>> rows;
  for (size_t at = 0, i = 0; at < ids.size(); ++i) {
    const size_t count = std::min(chunks[i % chunks.size()], ids.size() - at);
    std::vector<int32_t> outputs(count);
    std::iota(outputs.begin(), outputs.end(), 0);
    const StepSequence sequence{0, static_cast<int32_t>(count), static_cast<int64_t>(at)};
    const Result<void> ran = engine.run({std::span(ids).subspan(at, count), {&sequence, 1}, outputs});
    EXPECT_TRUE(ran) << ran.error().what;
    for (size_t o = 0; o < count; ++o)
      rows.emplace_back(engine.logits(static_cast<int64_t>(o)).begin(), engine.logits(static_cast<int64_t>(o)).end());
    at += count;
  }
  return rows;
}
inline std::vector<std::vector<float>> run(Engine& engine, const std::vector<int32_t>& ids, size_t chunk) {
  return run(engine, ids, std::vector<size_t>{chunk});
}

inline double worst_difference(std::span<const float> a, std::span<const float> b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) worst = std::max(worst, static_cast<double>(std::abs(a[i] - b[i])));
  return worst;
}

inline std::string golden_test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    golden_ = golden(GetParam());
    ids_ = golden_["ids"].get<std::vector<int32_t>>();
    auto model = Model::open(kGoldens / (GetParam() + ".gguf"));
    ASSERT_TRUE(model) << model.error().what;
    model_.emplace(std::move(*model));
  }
  // F32 weights: nothing is rounded but the sums, except by the reference's GELU, which it looks up in a table of halves. With
  // other weights the cpu backend rounds activations to 16 bits.
  double tolerance() const { return golden_.value("rounds", false) ? 3e-3 : golden_.value("gelu", false) ? 1e-2 : 5e-4; }

  nlohmann::json golden_;
  std::vector<int32_t> ids_;
  std::optional<Model> model_;
};

}  // namespace lupo
