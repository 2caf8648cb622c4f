// The ids of llama.cpp v0.5.0 for 16 texts and the three real models: tests/goldens/*.json.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/text/tokenizer.h"

namespace lupo {
namespace {

std::string model_path(const std::string& name) {
  const char* cache = std::getenv("LUPO_CACHE");
  const char* home = std::getenv("HOME");
  return (cache ? std::string(cache) : std::string(home ? home : "") + "/.cache/lupo") + "/models/" + name;
}

void check(const std::string& golden_name) {
  const std::string golden_path = std::string(LUPO_TESTS_DIR) + "/goldens/" + golden_name;
  std::ifstream stream(golden_path);
  ASSERT_TRUE(stream.is_open()) << golden_path << " is missing";
  const nlohmann::json golden = nlohmann::json::parse(stream);
  const std::string path = model_path(golden["file"]);
  ASSERT_TRUE(std::filesystem::exists(path)) << path << " is missing: ./test.sh fetches it";
  const auto file = gguf::File::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().what;
  const auto tokenizer = Tokenizer::create(file->metadata());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().what;
  ASSERT_EQ(golden["tokenize"].size(), 16u);
  for (const auto& entry : golden["tokenize"]) {
    const std::string text = entry["text"];
    const auto special = (*tokenizer)->encode(text), plain = (*tokenizer)->encode(text, {.parse_special = false});
    EXPECT_EQ(special, entry["ids_parse_special"].get<std::vector<TokenId>>()) << entry["text"].dump();
    EXPECT_EQ(plain, entry["ids_plain"].get<std::vector<TokenId>>()) << entry["text"].dump();
    EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode(text, {.add_special = false}), true), text);
  }
}

TEST(TokenizerReal, SmolLM2) { check("smollm2-135m-instruct-q4_1.json"); }
TEST(TokenizerReal, Qwen2) { check("qwen2.5-coder-0.5b-instruct-q4_k_m.json"); }
TEST(TokenizerReal, Gemma3) { check("gemma-3-270m-q4_k_m.json"); }

}  // namespace
}  // namespace lupo
