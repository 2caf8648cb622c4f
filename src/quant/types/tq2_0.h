// TQ2_0: 256 ternary values in 66 bytes (2.0625 bits each). w = d · (q − 1), q = 0…2 (3 decodes to 2 d).
//
// Values lie in halves of 128: byte 32 h + l of qs holds values 128 h + l, + 32, + 64 and + 96 in bits 0–1, 2–3, 4–5 and 6–7.
// Source: ggml's block_tq2_0.
#pragma once

#include <cstdint>

namespace lupo::tq2_0 {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint8_t qs[64];  // [256] 2 bits
  uint16_t d;      // half
};
static_assert(sizeof(Block) == 66);

}  // namespace lupo::tq2_0

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::tq2_0 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i)
    y[i] = d * static_cast<float>(((b.qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3) - 1);
}

inline void encode(const float* x, Block& b) {
  const float d = std::fabs(reference::extreme(x, kElements));
  const float id = reference::inverse(d);
  b = {};
  b.d = float_to_half(d);
  for (int i = 0; i < kElements; ++i) {
    const int q = reference::round_away(x[i] * id, -1, 1) + 1;
    b.qs[i / 128 * 32 + i % 32] |= static_cast<uint8_t>(q << (i % 128 / 32 * 2));
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::tq2_0, "TQ2_0", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::tq2_0
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdTq2_0 {
  using Block = tq2_0::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 1, kCodeMax = 2;
  static Scales32 scales(const Block* b) { return broadcast_16(half(b->d)); }
  static Codes64 codes(const Block* b, int p) { return fields(b->qs + p / 2 * 32, p % 2 * 4, p % 2 * 4 + 2, 3); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
