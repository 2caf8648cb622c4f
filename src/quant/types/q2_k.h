// Q2_K: 256 values in 84 bytes (2.625 bits each), 16 groups of 16. w = d · scale · q − dmin · min, q = 0…3.
//
// scales[g] holds the 4-bit scale (low nibble) and 4-bit minimum (high nibble) of group g. Values lie in halves of 128: byte
// 32 h + l of qs holds values 128 h + l, + 32, + 64 and + 96 in bits 0–1, 2–3, 4–5 and 6–7. Source: ggml's block_q2_K.
#pragma once

#include <cstdint>

namespace lupo::q2_k {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint8_t scales[16];  // [16] scale | min << 4
  uint8_t qs[64];      // [256] 2 bits
  uint16_t d;          // half
  uint16_t dmin;       // half
};
static_assert(sizeof(Block) == 84);

}  // namespace lupo::q2_k

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q2_k {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d), dmin = half_to_float(b.dmin);
  for (int i = 0; i < kElements; ++i) {
    const float scale = d * static_cast<float>(b.scales[i / 16] & 15), min = dmin * static_cast<float>(b.scales[i / 16] >> 4);
    const int half = i / 128, quarter = i % 128 / 32;
    y[i] = scale * static_cast<float>((b.qs[half * 32 + i % 32] >> (2 * quarter)) & 3) - min;
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::q2_k, "Q2_K", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::q2_k
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ2_K {
  using Block = q2_k::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = true;
  static constexpr int kElements = 256, kGroup = 16, kOffset = 0, kCodeMax = 3;
  static Scales16 scales(const Block* b) {
    constexpr uint64_t kNibbles = 0x0f0f0f0f0f0f0f0f;
    const uint64_t first = load_u64(b->scales), second = load_u64(b->scales + 8);
    return {broadcast_16(half(b->d)) * from_u8_16(first & kNibbles, second & kNibbles),
            broadcast_16(-half(b->dmin)) * from_u8_16((first >> 4) & kNibbles, (second >> 4) & kNibbles)};
  }
  static Codes64 codes(const Block* b, int p) { return fields(b->qs + p / 2 * 32, p % 2 * 4, p % 2 * 4 + 2, 3); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
