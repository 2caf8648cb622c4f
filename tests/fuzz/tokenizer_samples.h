// One small tokenizer of each kind as a GGUF file, with a text behind its last zero byte: the seeds of fuzzing and the subjects
// of deterministic mutation.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/gguf/writer.h"

namespace lupo {

inline gguf::Writer sample_writer(std::string_view model, const std::vector<std::string_view>& tokens,
                                  const std::vector<int32_t>& kinds) {
  gguf::Writer writer;
  writer.set("tokenizer.ggml.model", model);
  writer.set_array("tokenizer.ggml.tokens", std::span<const std::string_view>(tokens));
  writer.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
  return writer;
}

inline gguf::Writer sample_bpe(std::string_view pre) {
  gguf::Writer writer = sample_writer("gpt2",
                                      {"a", "b", "c", "\xC4\xA0", "1", "!", "ab", "abc",
                                       "\xC4\xA0"
                                       "a",
                                       "<s>", "</s>"},
                                      {1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3});
  writer.set("tokenizer.ggml.pre", pre);
  writer.set_array("tokenizer.ggml.merges", std::vector<std::string_view>{"a b", "ab c", "\xC4\xA0 a"});
  writer.set("tokenizer.ggml.bos_token_id", uint32_t{9});
  writer.set("tokenizer.ggml.eos_token_id", uint32_t{10});
  writer.set("tokenizer.ggml.add_bos_token", true);
  writer.set("tokenizer.ggml.add_eos_token", true);
  return writer;
}

inline gguf::Writer sample_sentencepiece() {
  gguf::Writer writer =
      sample_writer("llama", {"<unk>", "<s>", "</s>", "<0x0A>", "<0xC3>", "\u2581", "a", "b", "ab", "\u2581ab", "@@"},
                    {2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 4});
  writer.set_array("tokenizer.ggml.scores", std::span<const float>(std::vector<float>{0, 0, 0, 0, 0, -3, -3, -4, -1, -2, 0}));
  writer.set("tokenizer.ggml.add_space_prefix", true);
  return writer;
}

inline gguf::Writer sample_wordpiece() {
  gguf::Writer writer = sample_writer("bert", {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581he", "llo", "\u2581,", "o", "\u2581e"},
                                      {3, 2, 3, 3, 1, 1, 1, 1, 1});
  writer.set("tokenizer.ggml.unknown_token_id", uint32_t{1});
  writer.set("tokenizer.ggml.cls_token_id", uint32_t{2});
  writer.set("tokenizer.ggml.seperator_token_id", uint32_t{3});
  writer.set("tokenizer.ggml.normalizer.lowercase", true);
  writer.set("tokenizer.ggml.normalizer.strip_accents", true);
  return writer;
}

// Its character map turns "A" into "a": unit 0 is the root, unit 1 ^ 'A' the letter, whose value hangs on unit 2 ^ 1 ^ 'A'.
inline gguf::Writer sample_unigram() {
  std::vector<uint32_t> units(70);
  units[0] = 1u << 10;
  units[1 ^ 'A'] = 2u << 10 | 0x100 | 'A';
  units[1 ^ 'A' ^ 2] = 0x80000000u;
  std::vector<uint8_t> charsmap;
  const auto append = [&](uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) charsmap.push_back(static_cast<uint8_t>(value >> shift));
  };
  append(static_cast<uint32_t>(units.size() * sizeof(uint32_t)));
  for (const uint32_t unit : units) append(unit);
  charsmap.insert(charsmap.end(), {'a', 0});
  gguf::Writer writer =
      sample_writer("t5", {"<pad>", "</s>", "<unk>", "\u2581", "a", "b", "ab", "\u2581ab", "@@"}, {3, 3, 2, 1, 1, 1, 1, 1, 4});
  writer.set_array("tokenizer.ggml.scores", std::span<const float>(std::vector<float>{0, 0, 0, -2, -3, -4, -1, -2, 0}));
  writer.set_array("tokenizer.ggml.precompiled_charsmap", std::span<const uint8_t>(charsmap));
  writer.set("tokenizer.ggml.remove_extra_whitespaces", true);
  writer.set("tokenizer.ggml.unknown_token_id", uint32_t{2});
  return writer;
}

inline std::vector<std::pair<std::string, std::string>> tokenizer_samples() {
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&](std::string name, const gguf::Writer& writer, std::string_view text) {
    const std::vector<std::byte> bytes = writer.to_bytes().value();
    std::string sample(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    all.emplace_back(std::move(name), std::move(sample.append(1, '\0').append(text)));
  };
  add("bpe-gpt-2", sample_bpe("gpt-2"), "abc  a1!b\xC3\xA9\n\n<s>c</s>");
  add("bpe-llama", sample_bpe("llama-bpe"), "We'LL 1234567 \u4E2D\u6587\r\n  x\xFF");
  add("sentencepiece", sample_sentencepiece(), " ab\nab@@\u00E9<s>b");
  add("wordpiece", sample_wordpiece(), "H\u00C9llo, \u4E2D\u6587 hello[SEP]");
  add("unigram", sample_unigram(), "  Ab  ab@@ zz a</s>");
  all.emplace_back("text", "plain text \u00E9\u0301\xC3 <|endoftext|> 12345 it's\t\n ");
  return all;
}

}  // namespace lupo
