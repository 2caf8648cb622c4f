// Embedding models, rerankers and decoders that embed, against embeddings from outside, on tiny random models; see
// tests/goldens/arch/make_embed_goldens.py.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "arch_golden.h"
#include "model/gguf/writer.h"
#include "model/model.h"
#include "runtime/runtime.h"

namespace lupo {
namespace {

using Rows = std::vector<std::vector<float>>;

// The results of a step of these texts: of every row, or of the last one of each text.
Rows run_texts(Engine& engine, const std::vector<std::vector<int32_t>>& texts, bool all_rows) {
  std::vector<int32_t> tokens, outputs;
  std::vector<StepSequence> sequences;
  for (const std::vector<int32_t>& text : texts) {
    sequences.push_back({static_cast<int32_t>(sequences.size()), static_cast<int32_t>(text.size()), 0});
    for (int32_t id : text) {
      if (all_rows) outputs.push_back(static_cast<int32_t>(tokens.size()));
      tokens.push_back(id);
    }
    if (!all_rows) outputs.push_back(static_cast<int32_t>(tokens.size()) - 1);
  }
  const Result<void> ran = engine.run({tokens, sequences, outputs});
  EXPECT_TRUE(ran) << ran.error().what;
  Rows rows;
  for (size_t o = 0; o < outputs.size(); ++o)
    rows.emplace_back(engine.result(static_cast<int64_t>(o)).begin(), engine.result(static_cast<int64_t>(o)).end());
  return rows;
}

class EmbedGolden : public Golden {
 protected:
  Result<std::unique_ptr<Engine>> load(const std::string& backend, Pooling pooling, int64_t n_ctx = 64, int64_t n_batch = 0) {
    return Engine::load(*model_, Machine{},
                        {.backend = backend,
                         .n_ctx = n_ctx,
                         .n_seq = 3,
                         .n_batch = n_batch,
                         .n_outputs = 100,
                         .k_type = Type::f32,
                         .v_type = Type::f32,
                         .pooling = pooling,
                         .n_threads = 2});
  }
  bool is_encoder() const { return !model_->hparams().causal; }
};

TEST_P(EmbedGolden, embeddings_equal_the_reference) {
  EXPECT_EQ(model_->default_pooling(), find_pooling(golden_["default"].get<std::string>()));
  for (const char* backend : kBackends) {
    for (const auto& [pooling, values] : golden_["pooling"].items()) {
      auto engine = load(backend, *find_pooling(pooling));
      ASSERT_TRUE(engine) << engine.error().what;
      auto expected = values.get<std::vector<float>>();
      const Rows rows = run_texts(**engine, {ids_}, false);
      expected.resize(rows[0].size());  // of the two probabilities yes and no the second is left out
      EXPECT_LT(worst_difference(rows[0], expected), tolerance()) << backend << " " << pooling;
    }
    auto engine = load(backend, Pooling::none);
    ASSERT_TRUE(engine) << engine.error().what;
    const Rows rows = run_texts(**engine, {ids_}, true);
    for (const auto& [position, expected] : golden_["none"].items())
      EXPECT_LT(worst_difference(rows[std::stoul(position)], expected.get<std::vector<float>>()), tolerance())
          << backend << " position " << position;
  }
}

TEST_P(EmbedGolden, texts_of_a_step_equal_each_alone) {
  const std::vector<std::vector<int32_t>> texts = {{ids_.rbegin(), ids_.rbegin() + 3}, ids_, {ids_.begin() + 5, ids_.end() - 8}};
  for (const char* backend : kBackends)
    for (const auto& [pooling, values] : golden_["pooling"].items()) {
      auto engine = load(backend, *find_pooling(pooling), 64, 100);
      ASSERT_TRUE(engine) << engine.error().what;
      const Rows together = run_texts(**engine, texts, false);
      for (size_t i = 0; i < texts.size(); ++i)
        EXPECT_LT(worst_difference(together[i], run_texts(**engine, {texts[i]}, false)[0]), 1e-4)
            << backend << " " << pooling << " " << i;
    }
}

TEST_P(EmbedGolden, planned_bytes_equal_allocated_bytes) {
  for (const char* backend : kBackends)
    for (int64_t n_batch : {1, 7, 100}) {
      auto engine = load(backend, model_->default_pooling(), 64, n_batch);
      ASSERT_TRUE(engine) << engine.error().what;
      EXPECT_EQ((*engine)->plan().bytes, (*engine)->program().allocated());
      EXPECT_EQ((*engine)->plan().bytes.kv == 0, is_encoder());
    }
}

TEST_P(EmbedGolden, an_encoder_takes_whole_texts_and_gives_no_logits) {
  if (!is_encoder()) return;
  for (const char* backend : kBackends) {
    auto engine = load(backend, Pooling::mean, 64, 16);
    ASSERT_TRUE(engine) << engine.error().what;
    const int32_t last = 7;
    const StepSequence later{0, 8, 8}, too_long{0, 40, 0};
    const std::span<const int32_t> ids = ids_;
    EXPECT_FALSE((*engine)->run({ids.first(8), {&later, 1}, {&last, 1}}));
    const auto refused = (*engine)->run({ids, {&too_long, 1}, {&last, 1}});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("40"), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("16"), std::string::npos) << refused.error().what;
  }
  const auto graph = model_->graph({.n_ctx = 64});
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, "embedding-model");
}

// A file whose pooling type is rank but which has no head can still be opened, for any other pooling.
TEST(Embed, a_reranker_without_its_head_opens_and_says_what_is_missing) {
  const auto file = gguf::File::open(kGoldens / "bert.gguf");
  ASSERT_TRUE(file) << file.error().what;
  gguf::Writer writer;
  for (const auto& [key, value] : file->metadata().entries()) writer.set(key, value);
  writer.set("bert.pooling_type", static_cast<uint32_t>(Pooling::rank));
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    if (tensor.name.starts_with("cls.")) continue;
    ASSERT_TRUE(writer.add_tensor(tensor.name, tensor.type, std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims)),
                                  {tensor.data, static_cast<size_t>(tensor.bytes)}));
  }
  auto bytes = writer.to_bytes();
  ASSERT_TRUE(bytes) << bytes.error().what;
  auto headless = gguf::File::from_bytes(std::move(*bytes), "headless");
  ASSERT_TRUE(headless) << headless.error().what;
  const auto model = Model::from_file(std::move(*headless));
  ASSERT_TRUE(model) << model.error().what;
  EXPECT_EQ(model->default_pooling(), Pooling::mean);
  const auto ranking = model->graph({.n_ctx = 8, .n_batch = 8, .pooling = Pooling::rank});
  ASSERT_FALSE(ranking);
  EXPECT_EQ(ranking.error().code, "no-classification-head");
}

INSTANTIATE_TEST_SUITE_P(Tiny, EmbedGolden, testing::ValuesIn(golden_names("pooling")), golden_test_name);

// A model without a classification head ranks nothing.
TEST(EmbedGoldens, rank_wants_a_head) {
  const auto model = Model::open(kGoldens / "nomic_bert.gguf");
  ASSERT_TRUE(model) << model.error().what;
  const auto graph = model->graph({.n_ctx = 64, .pooling = Pooling::rank});
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, "no-classification-head");
}

// Every decoder embeds: the head is left out, whatever the family.
TEST(EmbedGoldens, every_decoder_embeds) {
  for (const std::string& name : golden_names("logits")) {
    const auto model = Model::open(kGoldens / (name + ".gguf"));
    ASSERT_TRUE(model) << name << ": " << model.error().what;
    const auto graph = model->graph({.n_ctx = 64, .pooling = Pooling::last});
    ASSERT_TRUE(graph) << name << ": " << graph.error().what;
    EXPECT_EQ((*graph)[graph->result].shape.dim[0], model->hparams().n_embd) << name;
  }
}

}  // namespace
}  // namespace lupo
