// Tokenizers of made-up GGUF files, for tests.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "model/gguf/writer.h"
#include "model/text/tokenizer.h"

namespace lupo {

// A GGUF in memory and its tokenizer, whose views it keeps alive.
struct Loaded {
  std::unique_ptr<gguf::File> file;
  Result<std::unique_ptr<Tokenizer>> tokenizer;

  const Tokenizer& operator*() const { return **tokenizer; }
  const Tokenizer* operator->() const { return tokenizer->get(); }
};

inline Loaded load(const gguf::Writer& writer) {
  auto bytes = writer.to_bytes();
  EXPECT_TRUE(bytes.has_value());
  auto file = gguf::File::from_bytes(std::move(*bytes), "test.gguf");
  EXPECT_TRUE(file.has_value()) << file.error().what;
  auto kept = std::make_unique<gguf::File>(std::move(*file));
  auto tokenizer = Tokenizer::create(kept->metadata());
  return {std::move(kept), std::move(tokenizer)};
}

inline void set_strings(gguf::Writer& writer, std::string_view key, const std::vector<std::string>& items) {
  const std::vector<std::string_view> views(items.begin(), items.end());
  writer.set_array(key, std::span<const std::string_view>(views));
}

// A byte-level BPE: the 256 letters of GPT-2's alphabet as ids 0 to 255, then `more` tokens of these kinds.
struct TinyBpe {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> kinds;
  std::string pre = "gpt-2";

  TinyBpe() {
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t c = printable ? b : next++;
      std::string letter;
      if (c < 0x80)
        letter = {static_cast<char>(c)};
      else
        letter = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
      add(letter);
    }
  }
  TokenId add(const std::string& token, TokenKind kind = TokenKind::normal) {
    tokens.push_back(token);
    kinds.push_back(static_cast<int32_t>(kind));
    return static_cast<TokenId>(tokens.size() - 1);
  }
  gguf::Writer writer() const {
    gguf::Writer out;
    out.set("tokenizer.ggml.model", "gpt2");
    out.set("tokenizer.ggml.pre", pre);
    set_strings(out, "tokenizer.ggml.tokens", tokens);
    set_strings(out, "tokenizer.ggml.merges", merges);
    out.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
    return out;
  }
};

inline nlohmann::json read_golden(const std::string& name) {
  const std::string path = std::string(LUPO_TESTS_DIR) + "/goldens/tokenizers/" + name;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  return nlohmann::json::parse(file);
}

}  // namespace lupo
