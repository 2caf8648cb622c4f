// Any tokenizer keys with any text: creating gives a Tokenizer or an error with a fix, and encoding any bytes gives ids of the
// vocabulary that decode. Input: a GGUF file, then the text after the last zero byte; or, when that is no tokenizer, text alone
// for a fixed byte-level BPE, which must give the same bytes back.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "model/gguf/writer.h"
#include "model/text/tokenizer.h"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken invariant: %s\n", what);
  std::abort();
}

void exercise(const lupo::Tokenizer& tokenizer, std::string_view text, bool is_exact) {
  for (const bool special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.add_special = special, .parse_special = special});
    for (const lupo::TokenId id : ids) require(id >= 0 && id < tokenizer.n_vocab(), "an id outside the vocabulary");
    const std::string back = tokenizer.decode(ids, true);
    require(!is_exact || back == text, "decode is not the inverse of encode");
  }
  for (lupo::TokenId id = 0; id < tokenizer.n_vocab(); ++id) tokenizer.piece(id, true);
}

const lupo::gguf::File& fixed_file() {
  static const lupo::gguf::File file = [] {
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
    lupo::gguf::Writer writer;
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.ggml.pre", "llama-bpe");
    writer.set_array("tokenizer.ggml.tokens", std::span<const std::string_view>(views));
    writer.set_array("tokenizer.ggml.merges", std::span<const std::string_view>(merges));
    return std::move(*lupo::gguf::File::from_bytes(*writer.to_bytes(), "fixed.gguf"));
  }();
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (size < (1 << 16)) {
    const auto file = lupo::gguf::File::from_bytes(
        {reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size}, "fuzz.gguf");
    if (file) {
      const auto tokenizer = lupo::Tokenizer::create(file->metadata());
      if (!tokenizer)
        require(!tokenizer.error().fix.empty() && !tokenizer.error().what.empty(), "an error without a fix");
      else
        exercise(**tokenizer, input.substr(input.rfind('\0') + 1), false);
      return 0;
    }
  }
  static const auto tokenizer = lupo::Tokenizer::create(fixed_file().metadata());
  exercise(**tokenizer, input, true);
  return 0;
}
