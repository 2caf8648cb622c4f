// IQ2_XXS: 256 values in 66 bytes (2.0625 bits each), 8 groups of 32. w = ± d · (½ + scale) / 4 · magnitude, scale = 0…15.
//
// A group is four points of a codebook of 256, each of eight magnitudes out of {8, 25, 43}. Its second word holds the signs of
// point p in bits 7 p and up (seven, see signs.h) and the scale in bits 28–31. Source: ggml's block_iq2_xxs.
#pragma once

#include <cstdint>

namespace lupo::iq2_xxs {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Group {
  uint8_t points[4];     // [4] indices of kGrid
  uint32_t signs_scale;  // [4] 7 bits, scale << 28
};

struct [[gnu::packed]] Block {
  uint16_t d;       // half
  Group groups[8];  // [8]
};
static_assert(sizeof(Block) == 66);

}  // namespace lupo::iq2_xxs

#ifndef LUPO_ISA
#include "quant/reference.h"
#include "quant/signs.h"

namespace lupo::iq2_xxs {

// [256] points; see quant/grids.
inline constexpr uint16_t kGrid[256] = {
#include "quant/grids/iq2_xxs.inc"
};

// y[0..8) = the point's magnitudes times d, negative where a bit of `signs` is set. Also for IQ2_XS and IQ2_S.
inline void decode_point(int point, int signs, float d, float* y) {
  constexpr int kMagnitudes[4] = {8, 25, 43, 0};  // no point has the fourth
  for (int k = 0; k < 8; ++k) {
    const float magnitude = d * static_cast<float>(kMagnitudes[(point >> (2 * k)) & 3]);
    y[k] = (signs >> k) & 1 ? -magnitude : magnitude;
  }
}

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int g = 0; g < 8; ++g) {
    const uint32_t signs_scale = b.groups[g].signs_scale;
    const float scale = d * (0.5f + static_cast<float>(signs_scale >> 28)) * 0.25f;
    for (int p = 0; p < 4; ++p) {
      decode_point(kGrid[b.groups[g].points[p]], even_signs(signs_scale >> (7 * p)), scale, y + 32 * g + 8 * p);
    }
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq2_xxs, "IQ2_XXS", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq2_xxs
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
constexpr uint16_t kIq2XxsGrid[256] = {
#include "quant/grids/iq2_xxs.inc"
};

constexpr int8_t kIq2Magnitudes[16] = {8, 25, 43};  // also of IQ2_XS and IQ2_S
// The indices of the magnitudes of a point, a byte each.
inline uint64_t iq2_point(uint16_t point) { return deal<2>(point); }

struct SimdIq2Xxs {
  using Block = iq2_xxs::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 0, kCodeMax = 43;
  static Scales32 scales(const Block* b) {
    const float d = half(b->d);
    const uint64_t s = side_by_side<8>(8, [b](int g) { return b->groups[g].signs_scale >> 28; });
    const F32x8 scales = fma(from_u8(s), broadcast_8(d * 0.25f), broadcast_8(d * 0.125f));
    return join(scales, scales);
  }
  static Codes64 codes(const Block* b, int p) {
    const iq2_xxs::Group* group = b->groups + 2 * p;
    const uint64_t signs = side_by_side<28>(2, [group](int g) { return group[g].signs_scale & 0xfffffff; });
    const Codes64 c = points([group](int i) { return iq2_point(kIq2XxsGrid[group[i / 4].points[i % 4]]); });
    return negate_where(lookup(kIq2Magnitudes, c), with_eighth_sign(deal<7>(signs)));
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
