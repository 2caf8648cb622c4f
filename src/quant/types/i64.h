// I64: signed 64-bit integers, little-endian. Decodes to the value, rounded to the nearest float beyond 2^24.
#pragma once

#include <cstdint>

namespace lupo::i64 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  int64_t value;
};
static_assert(sizeof(Block) == 8);

}  // namespace lupo::i64

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::i64 {

inline void decode(const Block& b, float* y) { *y = static_cast<float>(b.value); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::i64, "I64", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::i64
#endif  // LUPO_ISA
