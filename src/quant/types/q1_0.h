// Q1_0: 128 values in 18 bytes (1.125 bits each). w = d where the bit is set, −d where it is not.
//
// Bit i of qs, little-endian, is value i. The encoder takes d = mean |x|, the best for signs alone. Source: ggml's block_q1_0.
#pragma once

#include <cstdint>

namespace lupo::q1_0 {

inline constexpr int kElements = 128;

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint8_t qs[16];  // [128] bits
};
static_assert(sizeof(Block) == 18);

}  // namespace lupo::q1_0

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q1_0 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) y[i] = reference::bit(b.qs, i) ? d : -d;
}

inline void encode(const float* x, Block& b) {
  b = {};
  float sum = 0;
  for (int i = 0; i < kElements; ++i) {
    sum += std::fabs(x[i]);
    b.qs[i / 8] |= static_cast<uint8_t>((x[i] >= 0) << (i % 8));
  }
  b.d = float_to_half(sum / kElements);
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q1_0, "Q1_0", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q1_0
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ1_0 {
  using Block = q1_0::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 128, kGroup = 32, kOffset = 1, kCodeMax = 2;
  static Scales32 scales(const Block* b) { return scales_of_blocks(b, 2); }
  static Codes64 codes(const Block* b, int p) {
    const uint8_t* bits = b[p / 2].qs + p % 2 * 8;
    return add_where(points([](int) { return 0; }), load_u32(bits), load_u32(bits + 4), 2);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
