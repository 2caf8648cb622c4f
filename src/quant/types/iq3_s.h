// IQ3_S: 256 values in 110 bytes (3.4375 bits each), 8 groups of 32. w = ± d · (1 + 2 · scale) · magnitude, scale = 0…15.
//
// Point p is one of a codebook of 512, of four magnitudes out of {1, 3, 5, …, 15}: its low 8 bits are qs[p], its ninth is bit p %
// 8 of qh[p / 8]. Bit i of signs, little-endian, is the sign of value i. The scale of group g is a nibble of scales[g / 2], low
// for even g. Source: ggml's block_iq3_s.
#pragma once

#include <cstdint>

namespace lupo::iq3_s {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint16_t d;         // half
  uint8_t qs[64];     // [64] low bits of the index of kGrid
  uint8_t qh[8];      // [64] bits
  uint8_t signs[32];  // [256] bits
  uint8_t scales[4];  // [8] nibbles
};
static_assert(sizeof(Block) == 110);

}  // namespace lupo::iq3_s

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::iq3_s {

// [512] points; see quant/grids.
inline constexpr uint16_t kGrid[512] = {
#include "quant/grids/iq3_s.inc"
};

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) {
    const float scale = d * static_cast<float>(1 + 2 * ((b.scales[i / 64] >> (i / 32 % 2 * 4)) & 15));
    const int point = kGrid[b.qs[i / 4] | reference::bit(b.qh, i / 4) << 8];
    const float magnitude = scale * static_cast<float>(1 + 2 * ((point >> (i % 4 * 4)) & 7));
    y[i] = reference::bit(b.signs, i) ? -magnitude : magnitude;
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq3_s, "IQ3_S", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq3_s
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
constexpr uint16_t kIq3SGrid[512] = {
#include "quant/grids/iq3_s.inc"
};

struct SimdIq3S {
  using Block = iq3_s::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 0, kCodeMax = 15;
  static Scales32 scales(const Block* b) {
    const float d = half(b->d);
    const F32x8 scales = fma(from_u8(deal<4>(load_u32(b->scales))), broadcast_8(2 * d), broadcast_8(d));
    return join(scales, scales);
  }
  static Codes64 codes(const Block* b, int p) {
    const uint8_t* qs = b->qs + 16 * p;
    const int ninth = b->qh[2 * p] | b->qh[2 * p + 1] << 8;  // a bit a point
    const auto point = [qs, ninth](int i) { return kIq3SGrid[qs[i] | (ninth >> i & 1) << 8]; };
    const Codes64 c = points([&](int i) { return deal<4>(static_cast<uint32_t>(point(2 * i) | point(2 * i + 1) << 16)); });
    return negate_where(lookup(kMagnitudes, c), load_u64(b->signs + 8 * p));
  }

 private:
  static constexpr int8_t kMagnitudes[16] = {1, 3, 5, 7, 9, 11, 13, 15};
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
