// What must hold for any tokenizer keys with any text: creating gives a Tokenizer or an error with a fix, and encoding any bytes
// gives ids of the vocabulary that decode. Shared by the fuzz target and the replay test.
//
// Input: a GGUF file, then the text after the last zero byte; or, when that is no GGUF file, text alone for a fixed byte-level
// BPE, which must give the same bytes back.
#pragma once

#include <string>
#include <string_view>

#include "model/gguf/writer.h"
#include "model/text/tokenizer.h"

namespace lupo {

// "" when all is well, else what is broken.
inline std::string broken_tokenizer(const Tokenizer& tokenizer, std::string_view text, bool is_exact) {
  for (const bool special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.add_special = special, .parse_special = special});
    for (const TokenId id : ids)
      if (id < 0 || id >= tokenizer.n_vocab()) return "an id outside the vocabulary";
    const std::string back = tokenizer.decode(ids, true);
    if (is_exact && back != text) return "decode is not the inverse of encode";
  }
  for (TokenId id = 0; id < tokenizer.n_vocab(); ++id) tokenizer.piece(id, true);
  return "";
}

inline const gguf::File& fixed_tokenizer_file() {
  static const gguf::File file = [] {
    std::vector<std::string> tokens;
    for (char32_t b = 0, next = 0x100; b < 256; ++b) {
      const char32_t c = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE ? b : next++;
      tokens.push_back(c < 0x80 ? std::string{static_cast<char>(c)}
                                : std::string{static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))});
    }
    tokens.insert(tokens.end(), {"ab", "abc",
                                 "\xC4\xA0"
                                 "a",
                                 "<s>"});
    const std::vector<std::string_view> views(tokens.begin(), tokens.end()), merges{"a b", "ab c", "\xC4\xA0 a"};
    gguf::Writer writer;
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.ggml.pre", "llama-bpe");
    writer.set_array("tokenizer.ggml.tokens", std::span<const std::string_view>(views));
    writer.set_array("tokenizer.ggml.merges", std::span<const std::string_view>(merges));
    return std::move(*gguf::File::from_bytes(*writer.to_bytes(), "fixed.gguf"));
  }();
  return file;
}

inline std::string broken_tokenizer_input(std::string_view input) {
  if (input.size() < (1 << 16)) {
    const auto* bytes = reinterpret_cast<const std::byte*>(input.data());
    if (const auto file = gguf::File::from_bytes({bytes, bytes + input.size()}, "fuzz.gguf")) {
      const auto tokenizer = Tokenizer::create(file->metadata());
      if (tokenizer) return broken_tokenizer(**tokenizer, input.substr(input.rfind('\0') + 1), false);
      return tokenizer.error().fix.empty() || tokenizer.error().what.empty() ? "an error without a fix" : "";
    }
  }
  static const auto tokenizer = Tokenizer::create(fixed_tokenizer_file().metadata());
  return broken_tokenizer(**tokenizer, input, true);
}

}  // namespace lupo
