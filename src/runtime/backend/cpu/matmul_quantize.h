// Activations to integer codes, 32 values to a scale. Plain loops that the compiler vectorises for each instruction set.
#pragma once

#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/backend/cpu/simd_block.h"

namespace lupo::cpu {
namespace {

struct BlockCodes {
  int32_t code[32];
  float d;
  float sums[2];  // d · Σ code over each 16 values
};

// Greatest code of one digit and of two: 127 · 256, so that the high digit is at most 127.
inline constexpr int32_t kCodeMax8 = 127, kCodeMax16 = 127 * 256;

// d = max |x| / code_max and code = x / d to the nearest integer, ties to even, so that every instruction set gives the same.
// A block with a NaN or an infinity gets d = NaN: the product then is NaN, as it is in floats, and not a quiet number.
inline BlockCodes quantize_block(const float* values, int32_t code_max) {
  uint32_t highest_bits = 0;  // of |x|: ordered as the floats are, and a NaN is above infinity
  for (int i = 0; i < 32; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, values + i, 4);
    bits &= 0x7fffffffu;
    highest_bits = bits > highest_bits ? bits : highest_bits;
  }
  float highest;
  __builtin_memcpy(&highest, &highest_bits, 4);
  const float levels = static_cast<float>(code_max);
  const bool is_finite = highest_bits < 0x7f800000u;
  const bool is_zero = highest < 0x1p-112f;  // levels / highest must be finite
  const float inverse = is_finite && !is_zero ? levels / highest : 0;
  BlockCodes block;
  block.d = !is_finite ? __builtin_nanf("") : is_zero ? 0 : highest / levels;
  int32_t sums[2] = {0, 0};
  for (int i = 0; i < 32; ++i) {
    constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer, which its low bits then hold
    const float rounded = (is_finite ? values[i] : 0) * inverse + kRound;
    int32_t bits;
    __builtin_memcpy(&bits, &rounded, 4);
    const int32_t code = bits - 0x4b400000;
    block.code[i] = code + ((code & 255) == 128);  // no low digit of −128: its negative would not be a byte
    sums[i / 16] += block.code[i];
  }
  for (int h = 0; h < 2; ++h) block.sums[h] = block.d * static_cast<float>(sums[h]);
  return block;
}

// Digits of base 256 of a code, both −127 … 127.
inline int32_t high_digit(int32_t code) { return (code + 128) >> 8; }
inline int32_t low_digit(int32_t code) { return code - high_digit(code) * 256; }

// Blocks first … n − 1 of a chunk; those before belong to the chunk before and count nothing.
inline void quantize_chunk(const float* x, int first, int n_blocks, ActivationChunk& out) {
  for (int b = 0; b < n_blocks; ++b) {
    const BlockCodes block = quantize_block(x + 32 * b, kCodeMax16);
    int8_t* quad_high = out.quad_high + b / 4 * 128 + b % 4 * 16;
    int8_t* quad_low = out.quad_low + b / 4 * 128 + b % 4 * 16;
    for (int i = 0; i < 32; ++i) {
      out.high[32 * b + i] = static_cast<int8_t>(high_digit(block.code[i]));
      out.low[32 * b + i] = static_cast<int8_t>(low_digit(block.code[i]));
    }
    for (int h = 0; h < 2; ++h) {
      __builtin_memcpy(quad_high + 64 * h, out.high + 32 * b + 16 * h, 16);
      __builtin_memcpy(quad_low + 64 * h, out.low + 32 * b + 16 * h, 16);
      out.sums_16[2 * b + h] = b < first ? 0 : block.sums[h];
    }
    out.d_and_sums[b] = b < first ? 0 : block.d;
    out.d_and_sums[8 + b] = b < first ? 0 : block.sums[0] + block.sums[1];
  }
}

inline void quantize_chunks(const float* x, int64_t k, ActivationChunk* out) {
  if (k < 256) {
    __builtin_memset(out, 0, sizeof *out);
    return quantize_chunk(x, 0, static_cast<int>(k / 32), *out);
  }
  for (int64_t begin = 0; begin < k; begin += 256, ++out) {
    const int first = begin + 256 <= k ? 0 : static_cast<int>((begin + 256 - k) / 32);
    quantize_chunk(x + begin - 32 * first, first, 8, *out);
  }
}

// Row t of `out` from x[K].
void quantize_row(const float* x, const QuantizedRows& out, int64_t t) {
  if (out.has_chunks()) return quantize_chunks(x, out.k, out.chunks + t * activation_chunks(out.k));
  const int n_digits = out.n_digits;
  uint8_t* high = out.q + t * n_digits * out.k;
  for (int64_t b = 0; b < out.k / 32; ++b) {
    const BlockCodes block = quantize_block(x + 32 * b, n_digits == 2 ? kCodeMax16 : kCodeMax8);
    if (n_digits == 2) {
      uint8_t* low = high + out.k;
      for (int i = 0; i < 32; ++i) {
        high[32 * b + i] = static_cast<uint8_t>(high_digit(block.code[i]) + kActivationBias);
        low[32 * b + i] = static_cast<uint8_t>(low_digit(block.code[i]) + kActivationBias);
      }
    } else {
      for (int i = 0; i < 32; ++i) high[32 * b + i] = static_cast<uint8_t>(block.code[i] + kActivationBias);
    }
    const int64_t at = t * out.k / 32 + b;
    out.d[at] = block.d;
    out.sums[at] = block.sums[0] + block.sums[1];
    out.sums_16[2 * at] = block.sums[0];
    out.sums_16[2 * at + 1] = block.sums[1];
  }
}

}  // namespace
}  // namespace lupo::cpu
