// NVFP4: 64 values in 36 bytes (4.5 bits each), 4 groups of 16. w = E4M3(d[group]) · E2M1(q).
//
// d is an unsigned 8-bit float: bits 3–6 exponent (bias 7), bits 0–2 mantissa; its code 0x7f (NaN) stands for 0 here. Group g is
// bytes 8 g and up of qs: byte j of it holds its value j in the low and its value j + 8 in the high nibble. The second,
// per-tensor scale of NVFP4 is a tensor of its own in a GGUF. Source: ggml's block_nvfp4.
#pragma once

#include <cstdint>

namespace lupo::nvfp4 {

inline constexpr int kElements = 64;

struct [[gnu::packed]] Block {
  uint8_t d[4];    // [4] unsigned E4M3
  uint8_t qs[32];  // [64] nibbles
};
static_assert(sizeof(Block) == 36);

}  // namespace lupo::nvfp4

#ifndef LUPO_ISA
#include "quant/fp4.h"
#include "quant/reference.h"

namespace lupo::nvfp4 {

inline float half_scale(uint8_t d) {  // to go with twice the value
  const int exponent = (d >> 3) & 15, mantissa = d & 7;
  if (d == 0x7f) return 0;
  return exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -10)
                       : std::ldexp(static_cast<float>(8 + mantissa), exponent - 11);
}

inline void decode(const Block& b, float* y) {
  for (int g = 0; g < 4; ++g) {
    const float d = half_scale(b.d[g]);
    for (int j = 0; j < 8; ++j) {
      y[16 * g + j] = d * static_cast<float>(kE2m1Twice[b.qs[8 * g + j] & 15]);
      y[16 * g + j + 8] = d * static_cast<float>(kE2m1Twice[b.qs[8 * g + j] >> 4]);
    }
  }
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;

inline constexpr TypeInfo info{Type::nvfp4, "NVFP4", kElements, sizeof(Block), to_float, nullptr};

}  // namespace lupo::nvfp4
#endif  // LUPO_ISA
