// I16: signed 16-bit integers, little-endian. Decodes to the value.
#pragma once

#include <cstdint>

namespace lupo::i16 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  int16_t value;
};
static_assert(sizeof(Block) == 2);

}  // namespace lupo::i16

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::i16 {

inline void decode(const Block& b, float* y) { *y = static_cast<float>(b.value); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::i16, "I16", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::i16
#endif  // LUPO_ISA
