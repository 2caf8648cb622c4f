// NVFP4: 64 values in 36 bytes (4.5 bits each), 4 groups of 16. w = E4M3(d[group]) · E2M1(q).
//
// d is an unsigned 8-bit float: bits 3–6 exponent (bias 7), bits 0–2 mantissa; its code 0x7f (NaN) stands for 0 here. Group g is
// bytes 8 g and up of qs: byte j of it holds its value j in the low and its value j + 8 in the high nibble. The second,
// per-tensor scale of NVFP4 is a tensor of its own in a GGUF. Source: ggml's block_nvfp4.
#pragma once

#include <cstdint>

#include "quant/types/mxfp4.h"

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
#else  // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

// Half of each E4M3 scale: codes are twice the value.
struct E4m3Halves {
  float value[256];
};
constexpr E4m3Halves kE4m3Halves = [] {
  E4m3Halves table{};
  for (int d = 0; d < 256; ++d) {
    const int exponent = d >> 3 & 15, mantissa = d & 7;
    float value = exponent == 0 ? mantissa : 8 + mantissa;
    for (int e = exponent == 0 ? 1 : exponent; e > 11; --e) value *= 2;
    for (int e = exponent == 0 ? 1 : exponent; e < 11; ++e) value *= 0.5f;
    table.value[d] = d == 0x7f ? 0 : value;
  }
  return table;
}();

struct SimdNvfp4 {
  using Block = nvfp4::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 64, kGroup = 16, kOffset = 12, kCodeMax = 24;
  static Scales16 scales(const Block* b) {
    float d[16];
#pragma GCC unroll 16
    for (int g = 0; g < 16; ++g) d[g] = kE4m3Halves.value[b[g / 4].d[g % 4]];
    return {load_16(d)};
  }
  static Codes64 codes(const Block* b, int p) {
    const uint8_t* qs = b[p].qs;  // low nibbles of eight bytes are eight values, high nibbles the next eight
    const Codes64 c = points([qs](int i) { return load_u64(qs + i / 2 * 8) >> (i % 2 * 4) & 0x0f0f0f0f0f0f0f0f; });
    return lookup(kE2m1Codes, c);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
