#include "model/text/rerank_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/gguf/writer.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::ElementsAre;

// The ids of a pair by the tokenizer of the golden bert with more keys. [CLS] is 2, [SEP] 3, "what" 5, "is" 6, "cheese" 23.
template <class Change>
std::vector<TokenId> ids_with(std::string_view query, std::string_view document, Change change) {
  const auto golden = gguf::File::open(LUPO_TESTS_DIR "/goldens/arch/bert.gguf");
  EXPECT_TRUE(golden) << golden.error().what;
  gguf::Writer writer;
  for (const auto& [key, value] : golden->metadata().entries()) writer.set(key, value);
  change(writer);
  const TestFolder folder;
  EXPECT_TRUE(writer.write(folder.path("m.gguf")));
  const auto file = gguf::File::open(folder.path("m.gguf"));
  EXPECT_TRUE(file) << file.error().what;
  const auto tokenizer = Tokenizer::create(file->metadata());
  EXPECT_TRUE(tokenizer) << tokenizer.error().what;
  const auto ids = rerank_ids(file->metadata(), **tokenizer, query, document);
  EXPECT_TRUE(ids) << ids.error().what;
  return *ids;
}

constexpr auto kAsItIs = [](gguf::Writer&) {};

TEST(RerankPrompt, special_tokens_stand_between) {
  EXPECT_THAT(ids_with("what is", "cheese", kAsItIs), ElementsAre(2, 5, 6, 3, 23, 3));
  const auto separated = [](gguf::Writer& writer) { writer.set("tokenizer.ggml.add_sep_token", true); };
  EXPECT_THAT(ids_with("what is", "cheese", separated), ElementsAre(2, 5, 6, 3, 3, 23, 3));
  const auto open = [](gguf::Writer& writer) {
    writer.set("tokenizer.ggml.add_eos_token", false);
    writer.set("tokenizer.ggml.add_sep_token", true);
  };
  EXPECT_THAT(ids_with("what is", "cheese", open), ElementsAre(2, 5, 6, 3, 23));
}

TEST(RerankPrompt, special_tokens_of_a_document_are_text) {
  const std::vector<TokenId> ids = ids_with("cheese", "[SEP]", kAsItIs);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 3), 2) << "those that the model sets";
}

TEST(RerankPrompt, a_template_is_filled_once) {
  const auto with_template = [](gguf::Writer& writer) {
    writer.set("tokenizer.chat_template.rerank", "[CLS]{query} is {document}[SEP]");
  };
  EXPECT_THAT(ids_with("what", "cheese", with_template), ElementsAre(2, 5, 6, 23, 3));
  const std::vector<TokenId> tricked = ids_with("{document}", "cheese", with_template);
  EXPECT_EQ(std::count(tricked.begin(), tricked.end(), 23), 1) << "a query is no template";
}

}  // namespace
}  // namespace lupo
