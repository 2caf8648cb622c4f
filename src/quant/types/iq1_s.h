// IQ1_S: 256 values in 50 bytes (1.5625 bits each), 8 groups of 32. w = d · (2 · scale + 1) · (level ± ⅛), level = −1, 0, 1;
// scale = 0…7.
//
// Each group is four points of a codebook of 2048, of eight levels. The low 8 bits of point p are qs[p]; qh[g] holds the upper 3
// bits of the group's points in bits 0–2, 3–5, 6–8 and 9–11, the scale in bits 12–14, and in bit 15 whether the shift is −⅛.
// Source: ggml's block_iq1_s.
#pragma once

#include <cstdint>

namespace lupo::iq1_s {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint8_t qs[32];  // [32] low bits of the index of kGrid
  uint16_t qh[8];  // [8] 4 · 3 bits, scale << 12, negative shift << 15
};
static_assert(sizeof(Block) == 50);

}  // namespace lupo::iq1_s

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::iq1_s {

// [2048] points; see quant/grids.
inline constexpr uint16_t kGrid[2048] = {
#include "quant/grids/iq1_s.inc"
};

// y[0..8) = d · (level + shift) of the point's levels. Also for IQ1_M.
inline void decode_point(int point, float shift, float d, float* y) {
  for (int k = 0; k < 8; ++k) y[k] = d * (static_cast<float>(((point >> (2 * k)) & 3) - 1) + shift);
}

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const int qh = b.qh[p / 4], high = (qh >> (p % 4 * 3)) & 7;
    const float scale = d * static_cast<float>(2 * ((qh >> 12) & 7) + 1);
    decode_point(kGrid[b.qs[p] | high << 8], qh & 0x8000 ? -0.125f : 0.125f, scale, y + 8 * p);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq1_s, "IQ1_S", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq1_s
#endif  // LUPO_ISA
