// Sliding windows over rings that wrap many times, in every architecture whose golden has one: many small batches against the
// whole text in one batch, whose caches are no rings.
#include <gtest/gtest.h>

#include <random>

#include "model/arch_goldens.h"

namespace lupo {
namespace {

constexpr int64_t kContext = 256, kBatch = 8;
constexpr size_t kTokens = 200;

bool has_ring(const Graph& graph) {
  return std::any_of(graph.tensors.begin(), graph.tensors.end(),
                     [](const Tensor& tensor) { return tensor.policy == StatePolicy::ring; });
}

std::vector<std::string> names_with_a_ring() {
  std::vector<std::string> names;
  for (const std::string& name : golden_names()) {
    const auto model = Model::open(kGoldens / (name + ".gguf"));
    if (!model) continue;  // the golden's own tests say so
    const auto graph = model->graph({.n_ctx = kContext, .n_batch = kBatch});
    if (graph && has_ring(*graph)) names.push_back(name);
  }
  return names;
}

std::vector<int32_t> random_ids(int64_t n_vocab) {
  std::mt19937 random(7);  // its numbers are the same everywhere
  std::vector<int32_t> ids(kTokens);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % static_cast<uint64_t>(n_vocab));
  return ids;
}

class ArchWindow : public testing::TestWithParam<std::string> {};

TEST_P(ArchWindow, a_ring_gives_what_the_whole_gives) {
  const auto model = Model::open(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(model) << model.error().what;
  const std::vector<int32_t> ids = random_ids(model->hparams().n_vocab);
  for (const char* backend : kBackends) {
    auto whole = load(*model, backend, kContext, kContext);
    ASSERT_TRUE(whole) << whole.error().what;
    ASSERT_FALSE(has_ring((*whole)->graph()));
    const auto expected = run(**whole, ids, kTokens);
    for (const std::vector<size_t>& chunks : {std::vector<size_t>{1}, {8, 1, 3, 7, 2}}) {
      auto engine = load(*model, backend, kContext, kBatch);
      ASSERT_TRUE(engine) << engine.error().what;
      const auto rows = run(**engine, ids, chunks);
      double worst = 0;
      for (size_t i = 0; i < rows.size(); ++i) worst = std::max(worst, worst_difference(rows[i], expected[i]));
      EXPECT_LT(worst, 5e-4) << backend << " in chunks of " << chunks.front();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, ArchWindow, testing::ValuesIn(names_with_a_ring()), golden_test_name);

TEST(ArchWindows, there_are_some) { EXPECT_GE(names_with_a_ring().size(), 8u); }

}  // namespace
}  // namespace lupo
