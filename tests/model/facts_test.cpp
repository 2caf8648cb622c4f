// What a model costs, by hand from the tensors of small files.
#include <gtest/gtest.h>

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
}

}  // namespace
}  // namespace lupo
