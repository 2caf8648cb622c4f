// IQ2_XS: 256 values in 74 bytes (2.3125 bits each), 16 groups of 16. w = ± d · (½ + scale) / 4 · magnitude, scale = 0…15.
//
// A word of qs is one point of a codebook of 512 (bits 0–8), of eight magnitudes out of {8, 25, 43}, and its signs (bits 9–15,
// seven, see signs.h). The scale of group g is a nibble of scales[g / 2], low for even g. Source: ggml's block_iq2_xs.
#pragma once

#include <cstdint>

#include "quant/types/iq2_xxs.h"

namespace lupo::iq2_xs {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;         // half
  uint16_t qs[32];    // [32] index of kGrid | signs << 9
  uint8_t scales[8];  // [16] nibbles
};
static_assert(sizeof(Block) == 74);

}  // namespace lupo::iq2_xs

#ifndef LUPO_ISA
#include "quant/reference.h"
#include "quant/signs.h"

namespace lupo::iq2_xs {

// [512] points; see quant/grids.
inline constexpr uint16_t kGrid[512] = {
#include "quant/grids/iq2_xs.inc"
};

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const float scale = d * (0.5f + static_cast<float>((b.scales[p / 4] >> (p / 2 % 2 * 4)) & 15)) * 0.25f;
    iq2_xxs::decode_point(kGrid[b.qs[p] & 511], even_signs(b.qs[p] >> 9), scale, y + 8 * p);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq2_xs, "IQ2_XS", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq2_xs
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
constexpr uint16_t kIq2XsGrid[512] = {
#include "quant/grids/iq2_xs.inc"
};

struct SimdIq2Xs {
  using Block = iq2_xs::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 256, kGroup = 16, kOffset = 0, kCodeMax = 43;
  static Scales16 scales(const Block* b) { return nibble_scales(b->d, b->scales); }
  static Codes64 codes(const Block* b, int p) {
    const uint16_t(&qs)[32] = b->qs;
    const uint64_t signs = side_by_side<8>(8, [&qs, p](int i) { return qs[8 * p + i] >> 9; });
    const Codes64 c = points([&qs, p](int i) { return iq2_point(kIq2XsGrid[qs[8 * p + i] & 511]); });
    return negate_where(lookup(kIq2Magnitudes, c), with_eighth_sign(signs));
  }

  // d · (½ + s) / 4 of 16 nibbles s; also of IQ2_S.
  static Scales16 nibble_scales(uint16_t d_bits, const uint8_t* nibbles) {
    const float d = half(d_bits);
    const F32x16 s = from_u8_16(deal<4>(load_u32(nibbles)), deal<4>(load_u32(nibbles + 4)));
    return {fma(s, broadcast_16(d * 0.25f), broadcast_16(d * 0.125f))};
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
