// The integer-coded types as the kernels see them: the lower halves of quant/types/*.h, parsed with LUPO_ISA defined.
//
// Each is a struct with static members:
//   Block     one block of the file
//   kElements its values: 32, 64, 128 or 256
//   kGroup    values that share a scale: 32 or 16
//   kOffset   what to subtract from a raw code to get c of w = d · c + m
//   kCodeMax  the greatest raw code, or magnitude of one where they are kWide
//   kWide     codes are −128…127 in two's complement and not 0…127
//   kMin      there is an m
//   kNibbles  values j and j + 16 of a block of 32 share a byte: there is a quad()
//   scales(b)   d and m of the groups of 256 values: of the blocks from b on
//   codes(b, p) the raw codes of values 64 p … 64 p + 63 of them
//   quad(b)     the raw codes of 4 blocks
#pragma once

#include "runtime/backend/cpu/simd_block.h"

namespace lupo::cpu {
namespace {

// Scales of 8 groups of 32 in one vector: d in the low half; in the high one m, or d again where there are no minima.
using Scales32 = F32x16;

// Scales of 16 groups of 16. m is read only if the type has minima.
struct Scales16 {
  F32x16 d, m;

  Scales16(F32x16 d) : d(d), m(d) {}
  Scales16(F32x16 d, F32x16 m) : d(d), m(m) {}
};

inline uint32_t load_u32(const void* p) {
  uint32_t value;
  __builtin_memcpy(&value, p, 4);
  return value;
}

inline uint64_t load_u64(const void* p) {
  uint64_t value;
  __builtin_memcpy(&value, p, 8);
  return value;
}

// Σ f(i) << kBits · i for i < n: fields that lie apart, side by side.
template <int kBits, class Field>
[[gnu::always_inline]] inline uint64_t side_by_side(int n, Field f) {
  uint64_t all = 0;
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) all |= static_cast<uint64_t>(f(i)) << (kBits * i);
  return all;
}

// Of eight bytes of seven signs each: with the eighth, which makes their number even (quant/signs.h).
inline uint64_t with_eighth_sign(uint64_t signs) {
  uint64_t parity = signs ^ signs >> 4;  // a byte's bits 0 … 3 come from the byte itself
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return signs | (parity & 0x0101010101010101) << 7;
}

// Eight points of a codebook, word(i) the codes of point i.
template <class Word>
[[gnu::always_inline]] inline Codes64 points(Word word) {
  const uint64_t w[8] = {word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7)};
  return words(w);
}

// d of the blocks that make up 256 values, each for its share of the eight groups of 32.
template <class Block>
inline Scales32 scales_of_blocks(const Block* b, int n_blocks) {
  float d[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) d[i] = half(b[i * n_blocks / 8].d);
  const F32x8 scales = load_8(d);
  return join(scales, scales);
}

// Scales and minima of Q4_K and Q5_K, packed as quant/k_scales.h says; eight bytes each.
struct KScales {
  uint64_t scale, min;
};
inline KScales unpack_k_scales(const uint8_t* packed) {
  const uint32_t low_scale = load_u32(packed), low_min = load_u32(packed + 4), high = load_u32(packed + 8);
  const uint64_t high_scale = (high & 0x0f0f0f0f) | ((low_scale >> 2) & 0x30303030);
  const uint64_t high_min = ((high >> 4) & 0x0f0f0f0f) | ((low_min >> 2) & 0x30303030);
  return {(low_scale & 0x3f3f3f3f) | high_scale << 32, (low_min & 0x3f3f3f3f) | high_min << 32};
}
// The same times d and −dmin, which lie at `halves`.
inline Scales32 k_scales(const void* halves, const uint8_t* packed) {
  const KScales s = unpack_k_scales(packed);
  return from_u8_16(s.scale, s.min) * two_halves(halves) * join(broadcast_8(1), broadcast_8(-1));
}

}  // namespace
}  // namespace lupo::cpu

#include "quant/types/iq1_m.h"
#include "quant/types/iq1_s.h"
#include "quant/types/iq2_s.h"
#include "quant/types/iq2_xs.h"
#include "quant/types/iq2_xxs.h"
#include "quant/types/iq3_s.h"
#include "quant/types/iq3_xxs.h"
#include "quant/types/iq4_nl.h"
#include "quant/types/iq4_xs.h"
#include "quant/types/mxfp4.h"
#include "quant/types/nvfp4.h"
#include "quant/types/q1_0.h"
#include "quant/types/q2_0.h"
#include "quant/types/q2_k.h"
#include "quant/types/q3_k.h"
#include "quant/types/q4_0.h"
#include "quant/types/q4_1.h"
#include "quant/types/q4_k.h"
#include "quant/types/q5_0.h"
#include "quant/types/q5_1.h"
#include "quant/types/q5_k.h"
#include "quant/types/q6_k.h"
#include "quant/types/q8_0.h"
#include "quant/types/tq1_0.h"
#include "quant/types/tq2_0.h"
