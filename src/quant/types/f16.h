// F16: IEEE 754 half precision. Encoding rounds to nearest even; beyond 65504 it gives infinity.
#pragma once

#include <cstdint>

namespace lupo::f16 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  uint16_t bits;
};
static_assert(sizeof(Block) == 2);

}  // namespace lupo::f16

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::f16 {

inline void decode(const Block& b, float* y) { *y = half_to_float(b.bits); }

inline void encode(const float* x, Block& b) { b.bits = float_to_half(*x); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::f16, "F16", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::f16
#endif  // LUPO_ISA
