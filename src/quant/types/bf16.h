// BF16: the upper half of a single-precision float. Encoding rounds to nearest even and keeps NaN quiet.
#pragma once

#include <cstdint>

namespace lupo::bf16 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  uint16_t bits;
};
static_assert(sizeof(Block) == 2);

}  // namespace lupo::bf16

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::bf16 {

inline void decode(const Block& b, float* y) { *y = bf16_to_float(b.bits); }

inline void encode(const float* x, Block& b) { b.bits = float_to_bf16(*x); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::bf16, "BF16", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::bf16
#endif  // LUPO_ISA
