// TQ1_0: 256 ternary values in 54 bytes (1.6875 bits each). w = d · (q − 1), q = 0…2.
//
// A byte holds five base-3 digits as the fraction v / 243 scaled to 256 and rounded up, the first digit the most significant:
// digit n is the integer part of 3 · frac(3^n · byte / 256). Digit n of byte j of the first 32 bytes is value 32 n + j, of the
// next 16 bytes value 160 + 16 n + j, and of the last 4 bytes, which hold four digits, value 240 + 4 n + j. Source: ggml's
// block_tq1_0.
#pragma once

#include <cstdint>

namespace lupo::tq1_0 {

inline constexpr int kElements = 256;

struct [[gnu::packed]] Block {
  uint8_t qs[52];  // [240] five to a byte, then [16] four to a byte
  uint16_t d;      // half
};
static_assert(sizeof(Block) == 54);

}  // namespace lupo::tq1_0

#ifndef LUPO_ISA
#include "quant/reference.h"

namespace lupo::tq1_0 {

inline constexpr int kPowers[5] = {1, 3, 9, 27, 81};

// Where value i of a block lies: a byte of qs and the digit of it.
struct Place {
  int byte, digit;
};

inline Place place(int i) {
  if (i < 160) return {i % 32, i / 32};
  if (i < 240) return {32 + (i - 160) % 16, (i - 160) / 16};
  return {48 + (i - 240) % 4, (i - 240) / 4};
}

inline void decode(const Block& b, float* y) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < kElements; ++i) {
    const Place p = place(i);
    const int fraction = (b.qs[p.byte] * kPowers[p.digit]) & 255;
    y[i] = d * static_cast<float>((fraction * 3 >> 8) - 1);
  }
}

inline void encode(const float* x, Block& b) {
  const float d = std::fabs(reference::extreme(x, kElements));
  const float id = reference::inverse(d);
  int digits[52] = {};  // of each byte, as a number below 243
  for (int i = 0; i < kElements; ++i) {
    const Place p = place(i);
    digits[p.byte] += (reference::round_away(x[i] * id, -1, 1) + 1) * kPowers[4 - p.digit];
  }
  for (int j = 0; j < 52; ++j) b.qs[j] = static_cast<uint8_t>((digits[j] * 256 + 242) / 243);
  b.d = float_to_half(d);
}

inline constexpr auto to_float = reference::decode_blocks<Block, kElements, decode>;
inline constexpr auto from_float = reference::encode_blocks<Block, kElements, encode>;

inline constexpr TypeInfo info{Type::tq1_0, "TQ1_0", kElements, sizeof(Block), to_float, from_float};

}  // namespace lupo::tq1_0
#else   // the kernels' view: runtime/backend/cpu/simd_types.h

namespace lupo::cpu {
namespace {

struct SimdTq1_0 {
  using Block = tq1_0::Block;
  static constexpr bool kNibbles = false, kWide = false, kMin = false;
  static constexpr int kElements = 256, kGroup = 32, kOffset = 1, kCodeMax = 2;
  static Scales32 scales(const Block* b) { return broadcast_16(half(b->d)); }
  // A call of its own: inlined eight times into one function, g++ 12 gives wrong codes on AArch64.
  [[gnu::noinline]] static Codes64 codes(const Block* b, int p) {
    return points([b, p](int i) -> uint64_t {
      const int run = 4 * p + i / 2;  // of 16 values
      if (run == 15)
        return digits(load_u32(b->qs + 48), kPower[i % 2 * 2]) | digits(load_u32(b->qs + 48), kPower[i % 2 * 2 + 1]) << 32;
      const int part = i % 2 * 8;  // of a run
      return run < 10 ? digits(load_u64(b->qs + run % 2 * 16 + part), kPower[run / 2])
                      : digits(load_u64(b->qs + 32 + part), kPower[run - 10]);
    });
  }

 private:
  static constexpr uint64_t kPower[5] = {1, 3, 9, 27, 81};
  // A digit of each of eight bytes: (3 · (byte · power mod 256)) >> 8, in lanes of 16 bits.
  static uint64_t digits(uint64_t bytes, uint64_t power) {
    constexpr uint64_t kBytes = 0x00ff00ff00ff00ff;
    const uint64_t even = (((bytes & kBytes) * power) & kBytes) * 3, odd = ((((bytes >> 8) & kBytes) * power) & kBytes) * 3;
    return ((even >> 8) & 0x0003000300030003) | (odd & 0x0300030003000300);
  }
};

}  // namespace
}  // namespace lupo::cpu
#endif  // LUPO_ISA
