// Q4_1: 32 values in 20 bytes (5 bits each). w = d · q + m, q = 0…15.
//
// Byte j of qs holds value j in its low and value j + 16 in its high nibble. Source: ggml's block_q4_1.
#pragma once

#include <cstdint>

namespace lupo::q4_1 {

inline constexpr int kElements = 32;

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint16_t m;      // half
  uint8_t qs[16];  // [32] nibbles
};
static_assert(sizeof(Block) == 20);

}  // namespace lupo::q4_1

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q4_1 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d), m = half_to_float(b.m);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(b.qs[j] & 15) + m;
    y[j + 16] = d * static_cast<float>(b.qs[j] >> 4) + m;
  }
}

inline void encode(const float* x, Block& b) {
  const auto [min, max] = reference::range(x, kElements);
  const float d = (max - min) / 15;
  const float id = reference::inverse(d);
  b.d = float_to_half(d);
  b.m = float_to_half(min);
  for (int j = 0; j < 16; ++j) {
    const int low = reference::truncate((x[j] - min) * id + 0.5f, 0, 15);
    const int high = reference::truncate((x[j + 16] - min) * id + 0.5f, 0, 15);
    b.qs[j] = static_cast<uint8_t>(low | high << 4);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q4_1, "Q4_1", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q4_1
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ4_1 {
  using Block = q4_1::Block;
  static constexpr bool kNibbles = true, kWide = false, kMin = true;
  static constexpr int kElements = 32, kGroup = 32, kOffset = 0, kCodeMax = 15;
  static Scales32 scales(const Block* b) { return strided_halves<sizeof(Block), 0, 2>(b); }
  static Codes64 codes(const Block* b, int p) { return nibbles_of_two(b[2 * p].qs, b[2 * p + 1].qs); }
  static Codes128 quad(const Block* b) { return nibbles_of_four<sizeof(Block)>(b->qs); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
