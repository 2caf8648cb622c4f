// Q3_K: 256 values in 110 bytes (3.4375 bits each), 16 groups of 16. w = d · (scale − 32) · (q − 4), q = 0…7, scale = 0…63.
//
// Values lie in halves of 128: byte 32 h + l of qs holds the low 2 bits of values 128 h + l, + 32, + 64 and + 96 in bits 0–1,
// 2–3, 4–5 and 6–7; bit k of hmask[l] is the third bit of value 32 k + l. Scale g: its low 4 bits are a nibble of byte g % 8
// of scales (low for g < 8, else high), its upper 2 bits are bits 2 (g / 4) and up of byte 8 + g % 4. Source: ggml's block_q3_K.
#pragma once

#include <cstdint>

namespace lupo::q3_k {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint8_t hmask[32];   // [256] bits
  uint8_t qs[64];      // [256] 2 bits
  uint8_t scales[12];  // [16] 6 bits
  uint16_t d;          // half
};
static_assert(sizeof(Block) == 110);

}  // namespace lupo::q3_k

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q3_k {

inline int scale(const Block& b, int g) {  // −32…31; g = 0…15
  const int low = (b.scales[g % 8] >> (g / 8 * 4)) & 15, high = (b.scales[8 + g % 4] >> (g / 4 * 2)) & 3;
  return (low | high << 4) - 32;
}

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) {
    const int half = i / 128, quarter = i % 128 / 32;
    const int low = (b.qs[half * 32 + i % 32] >> (2 * quarter)) & 3, high = (b.hmask[i % 32] >> (i / 32)) & 1;
    y[i] = d * static_cast<float>(scale(b, i / 16)) * static_cast<float>((low | high << 2) - 4);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::q3_k, "Q3_K", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::q3_k
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ3_K {
  using Block = q3_k::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 256, kGroup = 16, kOffset = 4, kCodeMax = 7;
  static Scales16 scales(const Block* b) {
    constexpr uint64_t kNibbles = 0x0f0f0f0f0f0f0f0f;
    const uint64_t low = load_u64(b->scales), high = load_u32(b->scales + 8);
    const uint64_t first = (low & kNibbles) | ((high & 0x03030303) | (high & 0x0c0c0c0c) << 30) << 4;
    const uint64_t second = ((low >> 4) & kNibbles) | (((high >> 4) & 0x03030303) | ((high >> 4) & 0x0c0c0c0c) << 30) << 4;
    const float d = half(b->d);
    return {fma(from_u8_16(first, second), broadcast_16(d), broadcast_16(-32 * d))};
  }
  static Codes64 codes(const Block* b, int p) {
    return or_fields(fields(b->qs + p / 2 * 32, p % 2 * 4, p % 2 * 4 + 2, 3), b->hmask, 2 * p - 2, 2 * p - 1, 4);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
