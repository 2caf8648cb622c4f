// Tokenizers against other implementations: see tests/goldens/tokenizers/make_tokenizers.py.
#include <gmock/gmock.h>

#include "model/text/pre_tokenizer.h"
#include "model/text/tokenizer_fixture.h"

namespace lupo {
namespace {

using Json = nlohmann::json;

// Every row of the table has a golden, so that a new pre-tokenizer without one fails here.
TEST(PreTokenizerGolden, EveryRow) {
  const Json golden = read_golden("pre_tokenizers.json");
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  ASSERT_GE(texts.size(), 40u);
  for (const PreTokenizerRow& row : pre_tokenizer_rows()) {
    const std::string name(row.names.substr(0, row.names.find(' ')));
    ASSERT_TRUE(golden["ends"].contains(name)) << name << " has no golden";
    const auto compiled = PreTokenizer::compile(row);
    ASSERT_TRUE(compiled.has_value()) << compiled.error().what;
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(compiled->split(texts[i]), golden["ends"][name][i].get<std::vector<uint32_t>>())
          << name << ": " << Json(texts[i]).dump();
    }
  }
}

std::string decode_base64(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    n_bits += 6;
    if (n_bits >= 8) out += static_cast<char>(bits >> (n_bits -= 8));
  }
  return out;
}

gguf::Writer as_gguf(const Json& golden) {
  gguf::Writer out;
  out.set("tokenizer.ggml.model", golden["model"].get<std::string>());
  if (golden.contains("pre")) out.set("tokenizer.ggml.pre", golden["pre"].get<std::string>());
  set_strings(out, "tokenizer.ggml.tokens", golden["tokens"]);
  if (golden.contains("merges")) set_strings(out, "tokenizer.ggml.merges", golden["merges"]);
  const auto kinds = golden["kinds"].get<std::vector<int32_t>>();
  out.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
  if (golden.contains("scores")) {
    const auto scores = golden["scores"].get<std::vector<float>>();
    out.set_array("tokenizer.ggml.scores", std::span<const float>(scores));
  }
  if (golden.contains("ids")) {
    for (const auto& [role, id] : golden["ids"].items()) out.set("tokenizer.ggml." + role + "_token_id", id.get<uint32_t>());
  }
  for (const char* flag : {"add_space_prefix", "remove_extra_whitespaces"}) {
    if (golden.contains(flag)) out.set(std::string("tokenizer.ggml.") + flag, golden[flag].get<bool>());
  }
  if (golden.contains("charsmap")) {
    const std::string blob = decode_base64(golden["charsmap"].get<std::string>());
    out.set_array("tokenizer.ggml.precompiled_charsmap", std::span(reinterpret_cast<const uint8_t*>(blob.data()), blob.size()));
  }
  return out;
}

TEST(TokenizerGolden, EveryKind) {
  const Json golden = read_golden("vocabularies.json");
  ASSERT_EQ(golden.size(), 4u);
  for (const auto& [name, vocabulary] : golden.items()) {
    const Loaded loaded = load(as_gguf(vocabulary));
    ASSERT_TRUE(loaded.tokenizer.has_value()) << name << ": " << loaded.tokenizer.error().what;
    for (const Json& text_and_ids : vocabulary["cases"]) {
      const auto ids = loaded->encode(text_and_ids[0].get<std::string>(), {.add_special = false, .parse_special = false});
      EXPECT_EQ(ids, text_and_ids[1].get<std::vector<TokenId>>()) << name << ": " << text_and_ids[0].dump();
    }
  }
}

// What is encoded comes back byte for byte where the kind keeps the text: invalid UTF-8, zero bytes and cut characters too.
TEST(TokenizerGolden, DecodeIsTheInverse) {
  const Json golden = read_golden("vocabularies.json");
  std::vector<std::string> texts = read_golden("pre_tokenizers.json")["texts"];
  for (const char* odd :
       {"\xFF\xFE", "caf\xC3", "\xE6\x97 \xA5", "a\x80\x80z", "\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "\xC0\xAF"})
    texts.push_back(odd);
  for (const char* name : {"byte-level BPE (tokenizers)", "BPE (sentencepiece)"}) {
    const Loaded loaded = load(as_gguf(golden[name]));
    ASSERT_TRUE(loaded.tokenizer.has_value());
    for (const std::string& text : texts) {
      EXPECT_EQ(loaded->decode(loaded->encode(text, {.add_special = false})), text)
          << name << ": " << testing::PrintToString(text);
    }
  }
}

}  // namespace
}  // namespace lupo
