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
#endif  // LUPO_ISA
