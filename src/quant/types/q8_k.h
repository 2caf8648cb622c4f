// Q8_K: 256 values in 292 bytes (9.125 bits each). w = d · q, q = −127…127; bsums[g] = Σ q over group g of 16.
//
// Made for activations; a file may hold it all the same. The encoder gives the value of largest magnitude the code −127, so d
// has the opposite sign. Source: ggml's block_q8_K.
#pragma once

#include <cstdint>

namespace lupo::q8_k {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  float d;
  int8_t qs[256];     // [256]
  int16_t bsums[16];  // [16]
};
static_assert(sizeof(Block) == 292);

}  // namespace lupo::q8_k

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q8_k {

inline void decode(const Block& b, float* y) {
  for (int i = 0; i < kElements; ++i) y[i] = b.d * static_cast<float>(b.qs[i]);
}

inline void encode(const float* x, Block& b) {
  b = {};
  const float extreme = reference::extreme(x, kElements);
  if (extreme == 0) return;
  const float id = -127 / extreme;
  b.d = 1 / id;
  for (int i = 0; i < kElements; ++i) {
    b.qs[i] = static_cast<int8_t>(reference::truncate(std::nearbyint(id * x[i]), -127, 127));  // halves to even
    b.bsums[i / 16] = static_cast<int16_t>(b.bsums[i / 16] + b.qs[i]);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q8_k, "Q8_K", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q8_k
#endif  // LUPO_ISA
