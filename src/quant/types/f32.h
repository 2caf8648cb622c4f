// F32: IEEE 754 single precision, little-endian.
#pragma once

#include <cstdint>

namespace lupo::f32 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  float value;
};
static_assert(sizeof(Block) == 4);

}  // namespace lupo::f32

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::f32 {

inline void decode(const Block& b, float* y) { *y = b.value; }

inline void encode(const float* x, Block& b) { b.value = *x; }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::f32, "F32", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::f32
#endif  // LUPO_ISA
