// IQ4_NL: 32 values in 18 bytes (4.5 bits each). w = d · kLevels[q], q = 0…15: levels denser near zero, where weights are.
//
// Byte j of qs holds value j in its low and value j + 16 in its high nibble. Source: ggml's block_iq4_nl.
#pragma once

#include <cstdint>

namespace lupo::iq4_nl {

inline constexpr int kElements = 32;

// Also the levels of IQ4_XS.
inline constexpr int8_t kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

struct [[gnu::packed]] Block {
  uint16_t d;      // half
  uint8_t qs[16];  // [32] nibbles
};
static_assert(sizeof(Block) == 18);

}  // namespace lupo::iq4_nl

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::iq4_nl {

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kLevels[b.qs[j] & 15]);
    y[j + 16] = d * static_cast<float>(kLevels[b.qs[j] >> 4]);
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::iq4_nl, "IQ4_NL", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::iq4_nl
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// A copy with internal linkage: kernels may export no symbol of their own.
struct Iq4Levels {
  int8_t level[16];
};
constexpr Iq4Levels kIq4Levels = [] {
  Iq4Levels copy{};
  for (int i = 0; i < 16; ++i) copy.level[i] = iq4_nl::kLevels[i];
  return copy;
}();

struct SimdIq4Nl {
  using Block = iq4_nl::Block;
  static constexpr bool kNibbles = true, kWide = true, kMin = false;
  static constexpr int kElements = 32, kGroup = 32, kOffset = 0, kCodeMax = 127;
  static Scales32 scales(const Block* b) { return strided_halves<sizeof(Block), 0, 0>(b); }
  static Codes64 codes(const Block* b, int p) { return lookup(kIq4Levels.level, nibbles_of_two(b[2 * p].qs, b[2 * p + 1].qs)); }
  static Codes128 quad(const Block* b) { return lookup(kIq4Levels.level, nibbles_of_four<sizeof(Block)>(b->qs)); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
