// I8: signed bytes. Decodes to the value.
#pragma once

#include <cstdint>

namespace lupo::i8 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  int8_t value;
};
static_assert(sizeof(Block) == 1);

}  // namespace lupo::i8

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::i8 {

inline void decode(const Block& b, float* y) { *y = static_cast<float>(b.value); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::i8, "I8", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::i8
#endif  // LUPO_ISA
