// Q2_0: 64 values in 18 bytes (2.25 bits each). w = d · (q − 1), q = 0…3.
//
// Byte j of qs holds values 4 j … 4 j + 3, the first in the lowest bits. The encoder takes d = amax, so its codes are those of
// ternary weights (q = 3 is never needed). Source: ggml's block_q2_0.
#pragma once

#include <cstdint>

namespace lupo::q2_0 {

inline constexpr int kElements = 64;

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint8_t qs[16];  // [64] 2 bits
};
static_assert(sizeof(Block) == 18);

}  // namespace lupo::q2_0

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q2_0 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) y[i] = d * static_cast<float>(((b.qs[i / 4] >> (i % 4 * 2)) & 3) - 1);
}

inline void encode(const float* x, Block& b) {
  const float d = std::fabs(reference::extreme(x, kElements));
  const float id = reference::inverse(d);
  b = {};
  b.d = float_to_half(d);
  for (int i = 0; i < kElements; ++i) {
    b.qs[i / 4] |= static_cast<uint8_t>((reference::round_away(x[i] * id, -1, 2) + 1) << (i % 4 * 2));
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q2_0, "Q2_0", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q2_0
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ2_0 {
  using Block = q2_0::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 64, kGroup = 32, kOffset = 1, kCodeMax = 3;
  static Scales32 scales(const Block* b) { return scales_of_blocks(b, 4); }
  static Codes64 codes(const Block* b, int p) {
    return points([b, p](int i) { return deal<2>(load_u64(b[p].qs + i / 4 * 8) >> (i % 4 * 16) & 0xffff); });
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
