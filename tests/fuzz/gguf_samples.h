// Small valid GGUF files: the seeds of fuzzing and the subjects of deterministic mutation.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/gguf/writer.h"

namespace lupo::gguf {

inline std::vector<std::byte> written(const Writer& writer) { return writer.to_bytes().value(); }

inline Writer every_value_type(uint32_t alignment, uint32_t version) {
  Writer writer(alignment, version);
  writer.set("general.architecture", "llama");
  writer.set("u8", uint8_t{200});
  writer.set("i8", int8_t{-100});
  writer.set("u16", uint16_t{60000});
  writer.set("i16", int16_t{-30000});
  writer.set("u32", uint32_t{4000000000});
  writer.set("i32", int32_t{-2000000000});
  writer.set("u64", uint64_t{1} << 63);
  writer.set("i64", INT64_MIN);
  writer.set("f32", 0.5f);
  writer.set("f64", 1e300);
  writer.set("bool", true);
  writer.set("string", "Grüße");
  writer.set("empty", "");
  writer.set_array("array.u8", std::span<const uint8_t>(std::vector<uint8_t>{1, 2, 255}));
  writer.set_array("array.i32", std::span<const int32_t>(std::vector<int32_t>{-1, 0, 1}));
  writer.set_array("array.u64", std::span<const uint64_t>(std::vector<uint64_t>{UINT64_MAX}));
  writer.set_array("array.f32", std::span<const float>(std::vector<float>{0.25f, -1.0f}));
  writer.set_array("array.f64", std::span<const double>(std::vector<double>{}));
  writer.set_array("array.string", std::vector<std::string_view>{"a", "", "ccc"});
  const bool flags[] = {true, false};
  writer.set_array("array.bool", std::span<const bool>(flags));
  return writer;
}

// A block of a llama with 64 values a row, in several types.
inline Writer tiny_model(uint32_t alignment, uint32_t version) {
  static const std::vector<std::byte> zeros(1 << 16);
  Writer writer(alignment, version);
  writer.set("general.architecture", "llama");
  writer.set("llama.block_count", uint32_t{1});
  writer.set("tokenizer.ggml.model", "gpt2");
  writer.set_array("tokenizer.ggml.tokens", std::vector<std::string_view>{"a", "b", "<|end|>"});
  writer.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(std::vector<int32_t>{1, 1, 3}));
  const auto add = [&](std::string_view name, Type type, std::vector<int64_t> dim) {
    int64_t bytes = row_bytes(type, dim[0]);
    for (size_t i = 1; i < dim.size(); ++i) bytes *= dim[i];
    writer.add_tensor(name, type, dim, std::span(zeros).first(static_cast<size_t>(bytes))).value();
  };
  add("token_embd.weight", Type::f16, {64, 3});
  add("blk.0.attn_norm.weight", Type::f32, {64});
  add("blk.0.attn_q.weight", Type::q4_0, {64, 64});
  add("blk.0.ffn_gate_exps.weight", Type::q8_0, {64, 3, 2});
  add("blk.0.ffn_down.weight", Type::q4_k, {256, 1});
  return writer;
}

inline std::vector<std::pair<std::string, std::vector<std::byte>>> samples() {
  Writer lone_shard(32);
  lone_shard.set("split.no", uint16_t{0});
  lone_shard.set("split.count", uint16_t{1});
  lone_shard.set("split.tensors.count", int32_t{0});
  return {{"values-v3", written(every_value_type(32, 3))},
          {"values-v2", written(every_value_type(8, 2))},
          {"model-v3", written(tiny_model(32, 3))},
          {"model-v2-alignment-64", written(tiny_model(64, 2))},
          {"empty", written(Writer(32))},
          {"lone-shard", written(lone_shard)}};
}

}  // namespace lupo::gguf
