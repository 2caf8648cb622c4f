// IQ1_M: 256 values in 56 bytes (1.75 bits each), 16 groups of 16. w = d · (2 · scale + 1) · (level ± ⅛), level = −1, 0, 1; scale
// = 0…7.
//
// Each group is two points of the codebook of IQ1_S. The low 8 bits of point p are qs[p]; a nibble of qh[p / 2] (low for even p)
// holds its upper 3 bits and, in bit 3, whether its shift is −⅛. The half d has no place of its own: the top 4 bits of scales[k]
// are its bits 4 k … 4 k + 3. The scale of group g is bits 3 (g % 4) and up of scales[g / 4]. Source: ggml's block_iq1_m.
#pragma once

#include <cstdint>

#include "quant/types/iq1_s.h"

namespace lupo::iq1_m {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint8_t qs[32];      // [32] low bits of the index of kGrid
  uint8_t qh[16];      // [32] nibbles: 3 bits, negative shift << 3
  uint16_t scales[4];  // [4] 4 · 3 bits, a quarter of d << 12
};
static_assert(sizeof(Block) == 56);

}  // namespace lupo::iq1_m

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::iq1_m {

inline void decode(const Block& b, float* y) {
  int bits = 0;
  for (int k = 0; k < 4; ++k) bits |= b.scales[k] >> 12 << (4 * k);
  const float d = half_to_float(static_cast<uint16_t>(bits));
  for (int p = 0; p < 32; ++p) {
    const int g = p / 2, qh = (b.qh[p / 2] >> (p % 2 * 4)) & 15;
    const float scale = d * static_cast<float>(2 * ((b.scales[g / 4] >> (g % 4 * 3)) & 7) + 1);
    iq1_s::decode_point(iq1_s::kGrid[b.qs[p] | (qh & 7) << 8], qh & 8 ? -0.125f : 0.125f, scale, y + 8 * p);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq1_m, "IQ1_M", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq1_m
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdIq1M {
  using Block = iq1_m::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 256, kGroup = 16, kOffset = 9, kCodeMax = 18;
  static Scales16 scales(const Block* b) {
    const uint16_t bits = static_cast<uint16_t>(side_by_side<4>(4, [b](int k) { return b->scales[k] >> 12; }));
    const float d = half(bits) * 0.125f;
    const uint64_t threes = side_by_side<12>(4, [b](int k) { return b->scales[k] & 0xfff; });  // 3 bits a group
    return {fma(from_u8_16(deal<3>(threes), deal<3>(threes >> 24)), broadcast_16(2 * d), broadcast_16(d))};
  }
  static Codes64 codes(const Block* b, int p) {
    const uint32_t nibbles = load_u32(b->qh + 4 * p);
    return points([b, p, nibbles](int i) {
      const int qh = nibbles >> (4 * i) & 15;
      return iq1_point(b->qs[8 * p + i] | (qh & 7) << 8, (qh & 8) != 0);
    });
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
