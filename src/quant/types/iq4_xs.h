// IQ4_XS: 256 values in 136 bytes (4.25 bits each), 8 groups of 32. w = d · (scale − 32) · level[q], q = 0…15, scale = 0…63.
//
// The levels are those of IQ4_NL. Group g is bytes 16 g and up of qs: byte j of it holds its value j in the low and its value
// j + 16 in the high nibble. The low 4 bits of scale g are a nibble of scales_l[g / 2] (low for even g), its upper 2 bits are
// bits 2 g and up of scales_h. Source: ggml's block_iq4_xs.
#pragma once

#include <cstdint>

#include "quant/types/iq4_nl.h"

namespace lupo::iq4_xs {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;           // half
  uint16_t scales_h;    // [8] 2 bits
  uint8_t scales_l[4];  // [8] nibbles
  uint8_t qs[128];      // [256] nibbles
};
static_assert(sizeof(Block) == 136);

}  // namespace lupo::iq4_xs

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::iq4_xs {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int g = 0; g < 8; ++g) {
    const int low = (b.scales_l[g / 2] >> (g % 2 * 4)) & 15, high = (b.scales_h >> (2 * g)) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    for (int j = 0; j < 16; ++j) {
      y[32 * g + j] = scale * static_cast<float>(iq4_nl::kLevels[b.qs[16 * g + j] & 15]);
      y[32 * g + j + 16] = scale * static_cast<float>(iq4_nl::kLevels[b.qs[16 * g + j] >> 4]);
    }
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq4_xs, "IQ4_XS", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq4_xs
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdIq4Xs {
  using Block = iq4_xs::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 0, kCodeMax = 127;
  static Scales32 scales(const Block* b) {
    const float d = half(b->d);
    const F32x8 scales =
        fma(from_u8(deal<4>(load_u32(b->scales_l)) | deal<2>(b->scales_h) << 4), broadcast_8(d), broadcast_8(-32 * d));
    return join(scales, scales);
  }
  static Codes64 codes(const Block* b, int p) {
    return lookup(kIq4Levels.level, nibbles_of_two(b->qs + 32 * p, b->qs + 32 * p + 16));
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
