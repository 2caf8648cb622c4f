// I32: signed 32-bit integers, little-endian. Decodes to the value, rounded to the nearest float beyond 2^24.
#pragma once

#include <cstdint>

namespace lupo::i32 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  int32_t value;
};
static_assert(sizeof(Block) == 4);

}  // namespace lupo::i32

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::i32 {

inline void decode(const Block& b, float* y) { *y = static_cast<float>(b.value); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::i32, "I32", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::i32
#endif  // LUPO_ISA
