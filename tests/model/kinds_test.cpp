// What a model was made for, on metadata as real files have it.
#include "model/kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/gguf/writer.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Facts {
  std::string architecture = "llama", file = "model.gguf", name{}, finetune{}, chat_template{}, rerank_template{};
  std::vector<std::string> tags{};
  int pooling = -1;
  bool both_ways = false;
};

std::vector<KindFound> kinds_of(const Facts& facts) {
  const TestFolder folder;
  gguf::Writer writer;
  writer.set("general.architecture", facts.architecture);
  if (!facts.name.empty()) writer.set("general.name", facts.name);
  if (!facts.finetune.empty()) writer.set("general.finetune", facts.finetune);
  const std::vector<std::string_view> tags(facts.tags.begin(), facts.tags.end());
  if (!tags.empty()) writer.set_array("general.tags", tags);
  if (!facts.chat_template.empty()) writer.set("tokenizer.chat_template", facts.chat_template);
  if (!facts.rerank_template.empty()) writer.set("tokenizer.chat_template.rerank", facts.rerank_template);
  if (facts.pooling >= 0) writer.set(facts.architecture + ".pooling_type", static_cast<uint32_t>(facts.pooling));
  if (facts.both_ways) writer.set(facts.architecture + ".attention.causal", false);
  const std::string path = folder.path("m.gguf");
  EXPECT_TRUE(writer.write(path));
  const auto file = gguf::File::open(path);
  EXPECT_TRUE(file) << file.error().what;
  return model_kinds(file->metadata(), "/models/" + facts.file);
}

std::vector<std::string> names(const std::vector<KindFound>& kinds) {
  std::vector<std::string> names;
  for (const KindFound& found : kinds) {
    names.emplace_back(kind_name(found.kind));
    EXPECT_FALSE(found.evidence.empty());
  }
  return names;
}

const std::string kQwen3 = "{%- if tools %}{{ tools }}{% endif %}{% if enable_thinking is false %}<think></think>{% endif %}";

TEST(ModelKinds, embedding_models) {
  EXPECT_THAT(names(kinds_of({.architecture = "bert", .pooling = 2})), ElementsAre("embedding"));
  EXPECT_THAT(kinds_of({.architecture = "bert", .pooling = 2})[0].evidence, "bert.pooling_type is cls");
  EXPECT_THAT(names(kinds_of({.architecture = "qwen3", .chat_template = kQwen3, .pooling = 3})), ElementsAre("embedding"));
  EXPECT_THAT(names(kinds_of({.architecture = "qwen2", .both_ways = true})), ElementsAre("embedding"));
  EXPECT_THAT(names(kinds_of({.architecture = "gemma-embedding"})), ElementsAre("embedding"));
  EXPECT_THAT(names(kinds_of({.file = "Qwen3-Embedding-0.6B-Q8_0.gguf"})), ElementsAre("embedding"));
  EXPECT_THAT(names(kinds_of({.tags = {"sentence-similarity"}})), ElementsAre("embedding"));
}

TEST(ModelKinds, rerankers) {
  EXPECT_THAT(names(kinds_of({.architecture = "bert", .pooling = 4})), ElementsAre("reranker"));
  EXPECT_THAT(names(kinds_of({.architecture = "qwen3", .rerank_template = "{query}"})), ElementsAre("reranker"));
  EXPECT_THAT(names(kinds_of({.architecture = "bert", .name = "Bge Reranker v2 M3"})), ElementsAre("reranker"));
}

TEST(ModelKinds, base_models) {
  const auto plain = kinds_of({.architecture = "gemma3", .file = "gemma-3-270m-q4_k_m.gguf", .name = "Gemma 3 270m"});
  EXPECT_THAT(names(plain), ElementsAre("base"));
  EXPECT_THAT(plain[0].evidence, HasSubstr("no chat template"));
  EXPECT_THAT(names(kinds_of({.name = "Qwen3 4B Base", .chat_template = kQwen3})), ElementsAre("base"))
      << "a template is no training";
  EXPECT_THAT(names(kinds_of({.file = "gemma-3-1b-pt.gguf"})), ElementsAre("base"));
  EXPECT_THAT(names(kinds_of({.file = "Italian-Writer.gguf"})), ElementsAre("base")) << "words, not letters";
}

TEST(ModelKinds, models_to_talk_to) {
  EXPECT_THAT(names(kinds_of({.finetune = "Instruct"})), ElementsAre("instruct"));
  EXPECT_THAT(names(kinds_of({.file = "gemma-3-270m-it.gguf"})), ElementsAre("instruct"));
  EXPECT_THAT(names(kinds_of({.file = "Llama-2-7b-chat-hf.gguf"})), ElementsAre("chat"));
  EXPECT_THAT(names(kinds_of({.name = "Base Model Instruct"})), ElementsAre("instruct")) << "the word that says more counts";
  EXPECT_THAT(names(kinds_of({.chat_template = "{{ messages }}"})), ElementsAre("instruct"));
  EXPECT_THAT(names(kinds_of({.chat_template = "{{ messages }}", .tags = {"conversational"}})), ElementsAre("chat"));
}

TEST(ModelKinds, thinking_and_tools) {
  EXPECT_THAT(names(kinds_of({.file = "Qwen3-4B-Q4_K_M.gguf", .chat_template = kQwen3})),
              ElementsAre("instruct", "thinking", "tools"));
  EXPECT_THAT(kinds_of({.chat_template = kQwen3})[1].evidence, "the chat template has 'enable_thinking'");
  EXPECT_THAT(names(kinds_of({.file = "DeepSeek-R1-Distill-Qwen-1.5B.gguf"})), ElementsAre("instruct", "thinking"));
  EXPECT_THAT(names(kinds_of({.finetune = "Instruct", .chat_template = "{% for c in m.tool_calls %}"})),
              ElementsAre("instruct", "tools"));
}

// Nothing in a file can be trusted: odd types and control characters do no harm.
TEST(ModelKinds, hostile_metadata) {
  EXPECT_THAT(names(kinds_of({.architecture = "", .pooling = 77})), ElementsAre("base"));
  const auto kinds = kinds_of({.finetune = "chat \x1b[2J"});
  ASSERT_THAT(names(kinds), ElementsAre("chat"));
  EXPECT_EQ(kinds[0].evidence.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace lupo
