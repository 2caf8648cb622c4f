// Q5_1: 32 values in 24 bytes (6 bits each). w = d · q + m, q = 0…31.
//
// Byte j of qs holds the low 4 bits of value j (low nibble) and of value j + 16 (high nibble); bit i of qh, little-endian, is
// the fifth bit of value i. Source: ggml's block_q5_1.
#pragma once

#include <cstdint>

namespace lupo::q5_1 {

inline constexpr int kElements = 32;

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint16_t m;      // half
  uint8_t qh[4];   // [32] bits
  uint8_t qs[16];  // [32] nibbles
};
static_assert(sizeof(Block) == 24);

}  // namespace lupo::q5_1

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q5_1 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d), m = half_to_float(b.m);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>((b.qs[j] & 15) | reference::bit(b.qh, j) << 4) + m;
    y[j + 16] = d * static_cast<float>((b.qs[j] >> 4) | reference::bit(b.qh, j + 16) << 4) + m;
  }
}

inline void encode(const float* x, Block& b) {
  const auto [min, max] = reference::range(x, kElements);
  const float d = (max - min) / 31;
  const float id = reference::inverse(d);
  b = {};
  b.d = float_to_half(d);
  b.m = float_to_half(min);
  for (int i = 0; i < kElements; ++i) {
    const int q = reference::truncate((x[i] - min) * id + 0.5f, 0, 31);
    b.qs[i % 16] |= static_cast<uint8_t>((q & 15) << (i / 16 * 4));
    b.qh[i / 8] |= static_cast<uint8_t>((q >> 4) << (i % 8));
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q5_1, "Q5_1", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q5_1
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ5_1 {
  using Block = q5_1::Block;
  static constexpr bool kNibbles = true, kWide = false, kMin = true;
  static constexpr int kElements = 32, kGroup = 32, kOffset = 0, kCodeMax = 31;
  static Scales32 scales(const Block* b) { return strided_halves<sizeof(Block), 0, 2>(b); }
  static Codes64 codes(const Block* b, int p) {
    const Block &first = b[2 * p], &second = b[2 * p + 1];
    return add_where(nibbles_of_two(first.qs, second.qs), load_u32(first.qh), load_u32(second.qh), 16);
  }
  static Codes128 quad(const Block* b) {
    return add_where(nibbles_of_four<sizeof(Block)>(b->qs), load_u32(b[0].qh), load_u32(b[1].qh), load_u32(b[2].qh),
                     load_u32(b[3].qh), 16);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
