// Q4_0: 32 values in 18 bytes (4.5 bits each). w = d · (q − 8), q = 0…15.
//
// Byte j of qs holds value j in its low and value j + 16 in its high nibble. The encoder gives the value of largest magnitude
// the code 0 (w = −8 d), since that end of the range reaches further. Source: ggml's block_q4_0.
#pragma once

#include <cstdint>

namespace lupo::q4_0 {

inline constexpr int kElements = 32;

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint8_t qs[16];  // [32] nibbles
};
static_assert(sizeof(Block) == 18);

}  // namespace lupo::q4_0

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q4_0 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>((b.qs[j] & 15) - 8);
    y[j + 16] = d * static_cast<float>((b.qs[j] >> 4) - 8);
  }
}

inline void encode(const float* x, Block& b) {
  const float d = reference::extreme(x, kElements) / -8;
  const float id = reference::inverse(d);
  b.d = float_to_half(d);
  for (int j = 0; j < 16; ++j) {
    const int low = reference::truncate(x[j] * id + 8.5f, 0, 15), high = reference::truncate(x[j + 16] * id + 8.5f, 0, 15);
    b.qs[j] = static_cast<uint8_t>(low | high << 4);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q4_0, "Q4_0", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q4_0
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ4_0 {
  using Block = q4_0::Block;
  static constexpr bool kNibbles = true, kWide = false, kMin = false;
  static constexpr int kElements = 32, kGroup = 32, kOffset = 8, kCodeMax = 15;
  static Scales32 scales(const Block* b) { return strided_halves<sizeof(Block), 0, 0>(b); }
  static Codes64 codes(const Block* b, int p) { return nibbles_of_two(b[2 * p].qs, b[2 * p + 1].qs); }
  static Codes128 quad(const Block* b) { return nibbles_of_four<sizeof(Block)>(b->qs); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
