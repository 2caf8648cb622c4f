// Q8_1: 32 values in 36 bytes (9 bits each). w = d · q; s = d · Σ q, kept so that a dot product with a type that has a minimum
// needs no second sum. Made for activations; a file may hold it all the same. Source: ggml's block_q8_1.
#pragma once

#include <cstdint>

namespace lupo::q8_1 {

inline constexpr int kElements = 32;

struct [[gnu::packed]] Block {
  uint16_t d;     // half
  uint16_t s;     // half
  int8_t qs[32];  // [32]
};
static_assert(sizeof(Block) == 36);

}  // namespace lupo::q8_1

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q8_1 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) y[i] = d * static_cast<float>(b.qs[i]);
}

inline void encode(const float* x, Block& b) {
  const float d = std::fabs(reference::extreme(x, kElements)) / 127;
  const float id = reference::inverse(d);
  int sum = 0;
  for (int i = 0; i < kElements; ++i) {
    b.qs[i] = static_cast<int8_t>(reference::round_away(x[i] * id, -127, 127));
    sum += b.qs[i];
  }
  b.d = float_to_half(d);
  b.s = float_to_half(static_cast<float>(sum) * d);
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q8_1, "Q8_1", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q8_1
#endif  // LUPO_ISA
