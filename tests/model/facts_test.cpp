// What a model costs, by hand from the tensors of small files.
#include <gtest/gtest.h>

#include <set>

#include "arch_golden.h"
#include "model/model.h"

namespace lupo {
namespace {

int64_t tensor_bytes(const Model& model, std::string_view name) { return model.file().find(name)->bytes; }

TEST(ModelFacts, of_a_table_one_row_is_read_for_a_token) {
  const auto model = Model::open(LUPO_TESTS_DIR "/goldens/arch/gemma4-e2b.gguf");
  ASSERT_TRUE(model) << model.error().what;
  const int64_t n_vocab = model->hparams().n_vocab;
  int64_t all = 0;
  for (const gguf::TensorInfo& tensor : model->file().tensors()) all += tensor.bytes;
  // The head is tied to the embedding: it is read whole, and a row of it once more. Layers that share a cache do not use theirs.
  const int64_t table = tensor_bytes(*model, "per_layer_token_embd.weight");
  int64_t unused = 0;
  for (const char* layer : {"3", "4"})
    for (const char* part : {"attn_k", "attn_v", "attn_k_norm"})
      unused += tensor_bytes(*model, std::string("blk.") + layer + "." + part + ".weight");
  EXPECT_EQ(model->facts().bytes_per_token,
            all - unused - table + table / n_vocab + tensor_bytes(*model, "token_embd.weight") / n_vocab);
  const int64_t n_values = 4;  // bytes of one: all weights are F32
  EXPECT_EQ(model->facts().params_total, (all - unused) / n_values);
  EXPECT_EQ(model->facts().params_active, (all - unused - table + table / n_vocab) / n_values);
}

TEST(ModelFacts, of_an_embedding_without_a_tied_head_one_row_is_active) {
  const auto model = Model::open(LUPO_TESTS_DIR "/goldens/arch/llama.gguf");
  ASSERT_TRUE(model) << model.error().what;
  const int64_t rows = model->hparams().n_vocab - 1;
  EXPECT_EQ(model->facts().params_active, model->facts().params_total - rows * model->hparams().n_embd);
}

// Over all architectures, told from the names of their tensors: experts are read by those chosen, tables by one row, a tied head
// once more, all else whole.
TEST(ModelFacts, of_every_golden_are_those_that_names_of_tensors_tell) {
  for (const std::string& name : golden_names("architecture")) {
    const auto model = Model::open(kGoldens / (name + ".gguf"));
    ASSERT_TRUE(model) << model.error().what;
    GraphRequest request{.n_ctx = 1, .n_batch = 1};
    if (!model->hparams().causal) request.pooling = model->default_pooling();
    const auto graph = model->graph(request);
    ASSERT_TRUE(graph) << graph.error().what;
    std::set<std::string> used;
    for (const Tensor& tensor : graph->tensors)
      if (tensor.life == Life::weight) used.insert(tensor.name);
    const MoeAttrs& moe = model->hparams().moe;
    const bool is_tied = model->hparams().causal && !used.contains("output.weight");
    int64_t params = 0, active = 0, bytes = 0;
    for (const std::string& weight : used) {
      const gguf::TensorInfo& tensor = *model->file().find(weight);
      const int64_t n = Shape{tensor.dim}.elements(1, 1), n_rows = n / tensor.dim[0];
      const bool is_of_experts = weight.find("_exps.") != std::string::npos && tensor.dim[1] > 1;
      const bool is_token_table = weight == "token_embd.weight";
      const bool is_table = is_token_table || weight == "per_layer_token_embd.weight" || weight == "position_embd.weight" ||
          weight == "token_types.weight";
      const int64_t times = weight.ends_with("altup_router.weight") ? 2 : 1;  // it predicts, and it corrects
      params += n;
      if (is_table) bytes += tensor.bytes / n_rows;
      if (is_table && !(is_token_table && is_tied)) {
        active += tensor.dim[0];
      } else if (is_of_experts) {
        active += n / moe.n_expert * moe.n_used;
        bytes += tensor.bytes / moe.n_expert * moe.n_used;
      } else {
        active += n;
        bytes += tensor.bytes * times;
      }
    }
    EXPECT_EQ(model->facts().params_total, params) << name;
    EXPECT_EQ(model->facts().params_active, active) << name;
    EXPECT_EQ(model->facts().bytes_per_token, bytes) << name;
  }
}

}  // namespace
}  // namespace lupo
