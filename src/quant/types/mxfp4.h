// MXFP4: 32 values in 17 bytes (4.25 bits each). w = 2^(e − 127) · E2M1(q).
//
// Byte j of qs holds value j in its low and value j + 16 in its high nibble. The encoder takes e = ⌊log2 amax⌋ − 2 + 127, the
// specification's way: 4 is the largest power of two that E2M1 has. GGUF has no code for NaN or infinity here: such a value
// becomes 0. Source: OCP MX specification 1.0; ggml's block_mxfp4.
#pragma once

#include <cstdint>

namespace lupo::mxfp4 {

inline constexpr int kElements = 32;

struct [[gnu::packed]] Block {
  uint8_t e;       // exponent of a power of two, bias 127
  uint8_t qs[16];  // [32] nibbles
};
static_assert(sizeof(Block) == 17);

}  // namespace lupo::mxfp4

#ifndef LUPO_ISA
#include "quant/fp4.h"
#include "quant/reference.h"

namespace lupo::mxfp4 {

inline float half_scale(uint8_t e) { return std::ldexp(1.0f, e - 128); }  // to go with twice the value

inline void decode(const Block& b, float* y) {
  const float d = half_scale(b.e);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kE2m1Twice[b.qs[j] & 15]);
    y[j + 16] = d * static_cast<float>(kE2m1Twice[b.qs[j] >> 4]);
  }
}

inline void encode(const float* x, Block& b) {
  const float amax = std::fabs(reference::extreme(x, kElements));
  b.e = amax > 0 ? static_cast<uint8_t>(reference::truncate(static_cast<float>(std::ilogb(amax) - 2 + 127), 0, 254)) : 0;
  const float d = half_scale(b.e);
  for (int j = 0; j < 16; ++j) b.qs[j] = static_cast<uint8_t>(nearest_e2m1(x[j], d) | nearest_e2m1(x[j + 16], d) << 4);
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::mxfp4, "MXFP4", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::mxfp4
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

constexpr int8_t kE2m1Codes[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};  // kE2m1Twice + 12

struct SimdMxfp4 {
  using Block = mxfp4::Block;
  static constexpr bool kNibbles = true, kWide = false, kMin = false;
  static constexpr int kElements = 32, kGroup = 32, kOffset = 12, kCodeMax = 24;
  static Scales32 scales(const Block* b) {
    uint64_t e = 0;
    for (int i = 7; i >= 0; --i) e = e << 8 | b[i].e;
    const F32x8 scales = exponents(e) * broadcast_8(0.5f);  // codes are twice the value
    return join(scales, scales);
  }
  static Codes64 codes(const Block* b, int p) { return lookup(kE2m1Codes, nibbles_of_two(b[2 * p].qs, b[2 * p + 1].qs)); }
  static Codes128 quad(const Block* b) { return lookup(kE2m1Codes, nibbles_of_four<sizeof(Block)>(b->qs)); }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
