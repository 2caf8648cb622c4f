// IQ2_S: 256 values in 82 bytes (2.5625 bits each), 16 groups of 16. w = ± d · (½ + scale) / 4 · magnitude, scale = 0…15.
//
// Point p is one of a codebook of 1024, of eight magnitudes out of {8, 25, 43}: its low 8 bits are qs[p], its upper 2 are bits
// 2 (p % 4) and up of qh[p / 4]; signs[p] has its eight signs. The scale of group g is a nibble of scales[g / 2], low for even g.
// Source: ggml's block_iq2_s.
#pragma once

#include <cstdint>

#include "quant/types/iq2_xs.h"

namespace lupo::iq2_s {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;         // half
  uint8_t qs[32];     // [32] low bits of the index of kGrid
  uint8_t signs[32];  // [256] bits
  uint8_t qh[8];      // [32] 2 bits
  uint8_t scales[8];  // [16] nibbles
};
static_assert(sizeof(Block) == 82);

}  // namespace lupo::iq2_s

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::iq2_s {

// [1024] points; see quant/grids.
inline constexpr uint16_t kGrid[1024] = {
#include "quant/grids/iq2_s.inc"
};

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const float scale = d * (0.5f + static_cast<float>((b.scales[p / 4] >> (p / 2 % 2 * 4)) & 15)) * 0.25f;
    const int high = (b.qh[p / 4] >> (p % 4 * 2)) & 3;
    iq2_xxs::decode_point(kGrid[b.qs[p] | high << 8], b.signs[p], scale, y + 8 * p);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq2_s, "IQ2_S", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq2_s
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
constexpr uint16_t kIq2SGrid[1024] = {
#include "quant/grids/iq2_s.inc"
};

struct SimdIq2S {
  using Block = iq2_s::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 256, kGroup = 16, kOffset = 0, kCodeMax = 43;
  static Scales16 scales(const Block* b) { return SimdIq2Xs::nibble_scales(b->d, b->scales); }
  static Codes64 codes(const Block* b, int p) {
    const int high = b->qh[2 * p] | b->qh[2 * p + 1] << 8;  // 2 bits a point
    const Codes64 c = points([b, p, high](int i) { return iq2_point(kIq2SGrid[b->qs[8 * p + i] | (high >> (2 * i) & 3) << 8]); });
    return negate_where(lookup(kIq2Magnitudes, c), load_u64(b->signs + 8 * p));
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
