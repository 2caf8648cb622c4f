// IQ3_XXS: 256 values in 98 bytes (3.0625 bits each), 8 groups of 32. w = ± d · (½ + scale) / 2 · magnitude, scale = 0…15.
//
// Each byte of qs is a point of a codebook of 256, of four magnitudes out of {4, 12, 20, 28, 36, 44, 52, 62}. Word g holds the
// signs of the eight values of points 2 p and 2 p + 1 of group g in bits 7 p and up (seven, see signs.h) and the scale in bits
// 28–31. Source: ggml's block_iq3_xxs.
#pragma once

#include <cstdint>

namespace lupo::iq3_xxs {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;               // half
  uint8_t qs[64];           // [64] indices of kGrid
  uint32_t signs_scale[8];  // [8] 4 · 7 bits, scale << 28
};
static_assert(sizeof(Block) == 98);

}  // namespace lupo::iq3_xxs

#ifndef LUPO_ISA
#include "quant/reference.h"
#include "quant/signs.h"

namespace lupo::iq3_xxs {

// [256] points; see quant/grids.
inline constexpr uint16_t kGrid[256] = {
#include "quant/grids/iq3_xxs.inc"
};

inline void decode(const Block& b, float* y) {
  constexpr int kMagnitudes[8] = {4, 12, 20, 28, 36, 44, 52, 62};
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) {
    const uint32_t signs_scale = b.signs_scale[i / 32];
    const float scale = d * (0.5f + static_cast<float>(signs_scale >> 28)) * 0.5f;
    const float magnitude = scale * static_cast<float>(kMagnitudes[(kGrid[b.qs[i / 4]] >> (i % 4 * 4)) & 7]);
    const int signs = even_signs(signs_scale >> (i / 8 % 4 * 7));
    y[i] = (signs >> (i % 8)) & 1 ? -magnitude : magnitude;
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq3_xxs, "IQ3_XXS", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq3_xxs
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
constexpr uint16_t kIq3XxsGrid[256] = {
#include "quant/grids/iq3_xxs.inc"
};

struct SimdIq3Xxs {
  using Block = iq3_xxs::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 0, kCodeMax = 62;
  static Scales32 scales(const Block* b) {
    const float d = half(b->d);
    const uint64_t s = side_by_side<8>(8, [b](int g) { return b->signs_scale[g] >> 28; });
    const F32x8 scales = fma(from_u8(s), broadcast_8(d * 0.5f), broadcast_8(d * 0.25f));
    return join(scales, scales);
  }
  static Codes64 codes(const Block* b, int p) {
    const uint64_t signs = side_by_side<28>(2, [b, p](int g) { return b->signs_scale[2 * p + g] & 0xfffffff; });
    const uint8_t* qs = b->qs + 16 * p;
    const Codes64 c =
        points([qs](int i) { return deal<4>(static_cast<uint32_t>(kIq3XxsGrid[qs[2 * i]] | kIq3XxsGrid[qs[2 * i + 1]] << 16)); });
    return negate_where(lookup(kMagnitudes, c), with_eighth_sign(deal<7>(signs)));
  }

 private:
  static constexpr int8_t kMagnitudes[16] = {4, 12, 20, 28, 36, 44, 52, 62};
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
