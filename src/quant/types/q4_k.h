// Q4_K: 256 values in 144 bytes (4.5 bits each), 8 groups of 32. w = d · scale · q − dmin · min, q = 0…15.
//
// Values lie in quarters of 64: byte 32 k + l of qs holds value 64 k + l in its low and 64 k + 32 + l in its high nibble. The
// 6-bit scales and minima are packed as k_scales.h says. Source: ggml's block_q4_K.
#pragma once

#include <cstdint>

#include "quant/k_scales.h"

namespace lupo::q4_k {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;          // half
  uint16_t dmin;       // half
  uint8_t scales[12];  // [8] scales and [8] minima, 6 bits
  uint8_t qs[128];     // [256] nibbles
};
static_assert(sizeof(Block) == 144);

}  // namespace lupo::q4_k

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q4_k {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d), dmin = half_to_float(b.dmin);
  for (int g = 0; g < 8; ++g) {
    const ScaleMin packed = scale_min(b.scales, g);
    const float scale = d * static_cast<float>(packed.scale), min = dmin * static_cast<float>(packed.min);
    for (int l = 0; l < 32; ++l) y[32 * g + l] = scale * static_cast<float>((b.qs[g / 2 * 32 + l] >> (g % 2 * 4)) & 15) - min;
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::q4_k, "Q4_K", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::q4_k
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ4_K {
  using Block = q4_k::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = true;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 0, kCodeMax = 15;
  static Scales32 scales(const Block* b) { return k_scales(b, b->scales); }
  static Codes64 codes(const Block* b, int p) { return fields(b->qs + 32 * p, 0, 4, 15); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
