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
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
constexpr uint16_t kIq1Grid[2048] = {
#include "quant/grids/iq1_s.inc"
};

// Eight times level ± ⅛ of a point, + 9: 0 … 18. Also of IQ1_M.
inline uint64_t iq1_point(int point, bool is_negative) {
  return deal<2>(kIq1Grid[point]) << 3 | (0x0202020202020202 & (static_cast<uint64_t>(is_negative) - 1));
}

struct SimdIq1S {
  using Block = iq1_s::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 9, kCodeMax = 18;
  static Scales32 scales(const Block* b) {
    const float d = half(b->d) * 0.125f;
    const uint64_t s = side_by_side<8>(8, [b](int g) { return b->qh[g] >> 12 & 7; });
    const F32x8 scales = fma(from_u8(s), broadcast_8(2 * d), broadcast_8(d));
    return join(scales, scales);
  }
  static Codes64 codes(const Block* b, int p) {
    return points([b, p](int i) {
      const int qh = b->qh[2 * p + i / 4];
      return iq1_point(b->qs[8 * p + i] | (qh >> (i % 4 * 3) & 7) << 8, qh >> 15 != 0);
    });
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
