// Q6_K: 256 values in 210 bytes (6.5625 bits each), 16 groups of 16. w = d · scale · (q − 32), q = 0…63, scale = −128…127.
//
// Values lie in halves of 128. With p = i % 128 of half h: the low 4 bits of value p are the low (p < 64) or high nibble of byte
// 64 h + p % 64 of ql; its upper 2 bits are bits 2 (p / 32) and up of byte 32 h + p % 32 of qh. Source: ggml's block_q6_K.
#pragma once

#include <cstdint>

namespace lupo::q6_k {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint8_t ql[128];    // [256] nibbles
  uint8_t qh[64];     // [256] 2 bits
  int8_t scales[16];  // [16]
  uint16_t d;         // half
};
static_assert(sizeof(Block) == 210);

}  // namespace lupo::q6_k

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q6_k {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) {
    const int half = i / 128, p = i % 128;
    const int low = (b.ql[half * 64 + p % 64] >> (p / 64 * 4)) & 15, high = (b.qh[half * 32 + p % 32] >> (p / 32 * 2)) & 3;
    y[i] = d * static_cast<float>(b.scales[i / 16]) * static_cast<float>((low | high << 4) - 32);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::q6_k, "Q6_K", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::q6_k
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ6_K {
  using Block = q6_k::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 256, kGroup = 16, kOffset = 32, kCodeMax = 63;
  static Scales16 scales(const Block* b) { return {broadcast_16(half(b->d)) * from_i8_16(b->scales)}; }
  static Codes64 codes(const Block* b, int p) {
    const int half = p / 2, quarter = p % 2 * 2;
    return or_fields(field(load_64(b->ql + 64 * half), 2 * quarter, 15), b->qh + 32 * half, 2 * quarter - 4, 2 * quarter - 2, 48);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
