// F64: IEEE 754 double precision, little-endian. Decodes to the nearest float.
#pragma once

#include <cstdint>

namespace lupo::f64 {

inline constexpr int kElements = 1;

struct [[gnu::packed]] Block {
  double value;
};
static_assert(sizeof(Block) == 8);

}  // namespace lupo::f64

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::f64 {

inline void decode(const Block& b, float* y) { *y = static_cast<float>(b.value); }

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::f64, "F64", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::f64
#endif  // LUPO_ISA
