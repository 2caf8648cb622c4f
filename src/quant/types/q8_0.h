// Q8_0: 32 values in 34 bytes (8.5 bits each). w = d · q, q = −127…127 (−128 decodes, the encoder does not use it).
//
// Source: ggml's block_q8_0.
#pragma once

#include <cstdint>

namespace lupo::q8_0 {

inline constexpr int kElements = 32;

struct [[gnu::packed]] Block {
  uint16_t d;     // half
  int8_t qs[32];  // [32]
};
static_assert(sizeof(Block) == 34);

}  // namespace lupo::q8_0

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::q8_0 {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) y[i] = d * static_cast<float>(b.qs[i]);
}

inline void encode(const float* x, Block& b) {
  const float d = std::fabs(reference::extreme(x, kElements)) / 127;
  const float id = reference::inverse(d);
  b.d = float_to_half(d);
  for (int i = 0; i < kElements; ++i) b.qs[i] = static_cast<int8_t>(reference::round_away(x[i] * id, -127, 127));
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::q8_0, "Q8_0", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::q8_0
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdQ8_0 {
  using Block = q8_0::Block;
  static constexpr bool kNibbles = false, kWide = true, kMin = false;
  static constexpr int kElements = 32, kGroup = 32, kOffset = 0, kCodeMax = 128;
  static Scales32 scales(const Block* b) { return strided_halves<sizeof(Block), 0, 0>(b); }
  static Codes64 codes(const Block* b, int p) { return join(load_32(b[2 * p].qs), load_32(b[2 * p + 1].qs)); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
