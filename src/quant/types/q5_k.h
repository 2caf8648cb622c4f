// Q5_K: 256 values in 176 bytes (5.5 bits each), 8 groups of 32. w = d · scale · q − dmin · min, q = 0…31.
//
// Values lie in quarters of 64: byte 32 k + l of qs holds the low 4 bits of value 64 k + l in its low and of 64 k + 32 + l in its
// high nibble; bit g of qh[l] is the fifth bit of value 32 g + l. The 6-bit scales and minima are packed as k_scales.h says.
// Source: ggml's block_q5_K.
#pragma once

#include <cstdint>

#include "quant/k_scales.h"

namespace lupo::q5_k {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;          // half
  uint16_t dmin;       // half
  uint8_t scales[12];  // [8] scales and [8] minima, 6 bits
  uint8_t qh[32];      // [256] bits
  uint8_t qs[128];     // [256] nibbles
};
static_assert(sizeof(Block) == 176);

}  // namespace lupo::q5_k

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q5_k {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d), dmin = half_to_float(b.dmin);
  for (int g = 0; g < 8; ++g) {
    const ScaleMin packed = scale_min(b.scales, g);
    const float scale = d * static_cast<float>(packed.scale), min = dmin * static_cast<float>(packed.min);
    for (int l = 0; l < 32; ++l) {
      const int low = (b.qs[g / 2 * 32 + l] >> (g % 2 * 4)) & 15, high = (b.qh[l] >> g) & 1;
      y[32 * g + l] = scale * static_cast<float>(low | high << 4) - min;
    }
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::q5_k, "Q5_K", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::q5_k
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ5_K {
  using Block = q5_k::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = true;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 0, kCodeMax = 31;
  static Scales32 scales(const Block* b) { return k_scales(b, b->scales); }
  static Codes64 codes(const Block* b, int p) {
    return or_fields(fields(b->qs + 32 * p, 0, 4, 15), b->qh, 2 * p - 4, 2 * p - 3, 16);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
