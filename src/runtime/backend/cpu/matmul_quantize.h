// Activations to integer codes, 32 values to a scale. Plain loops that the compiler vectorises, and by hand what it does not.
#pragma once

#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/backend/cpu/simd_block.h"

namespace lupo::cpu {
namespace {

struct BlockCodes {
  alignas(64) int16_t code[32];
  float d;
  float sums[2];  // d · Σ code over each 16 values
};

// Greatest code of one digit and of two: 127 · 256, so that the high digit is at most 127.
inline constexpr int32_t kCodeMax8 = 127, kCodeMax16 = 127 * 256;

// d = max |x| / code_max and code = x / d to the nearest integer, ties to even, so that every instruction set gives the same.
// A block with a NaN or an infinity gets d = NaN: the product then is NaN, as it is in floats, and not a quiet number.
struct BlockScale {
  float d, inverse;  // inverse 0: all codes are 0
};
inline BlockScale scale_of(uint32_t highest_bits, int32_t code_max) {  // highest_bits: of the greatest |x|, a NaN above infinity
  if (highest_bits >= 0x7f800000u) return {__builtin_nanf(""), 0};
  float highest;
  __builtin_memcpy(&highest, &highest_bits, 4);
  const float levels = static_cast<float>(code_max);
  if (highest < 0x1p-112f) return {0, 0};  // levels / highest must be finite
  return {highest / levels, levels / highest};
}

#if defined(LUPO_ISA_X86)
inline BlockCodes quantize_block(const float* values, int32_t code_max) {
  __m256 x[4];
  __m256i size[4];
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm256_loadu_ps(values + 8 * i);
    size[i] = _mm256_and_si256(_mm256_castps_si256(x[i]), _mm256_set1_epi32(0x7fffffff));
  }
  const __m256i eight = _mm256_max_epu32(_mm256_max_epu32(size[0], size[1]), _mm256_max_epu32(size[2], size[3]));
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
  const BlockScale scale = scale_of(static_cast<uint32_t>(_mm_cvtsi128_si32(four)), code_max);
  BlockCodes block;
  block.d = scale.d;
  if (scale.inverse == 0) {
    __builtin_memset(block.code, 0, sizeof block.code);
    block.sums[0] = block.sums[1] = block.d * 0;
    return block;
  }
  const __m256 inverse = _mm256_set1_ps(scale.inverse);
  for (int h = 0; h < 2; ++h) {
    const __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(x[2 * h], inverse));
    const __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(x[2 * h + 1], inverse));
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    // No low digit of −128: its negative would not be a byte.
    const __m256i low = _mm256_and_si256(words, _mm256_set1_epi16(255));
    words = _mm256_sub_epi16(words, _mm256_cmpeq_epi16(low, _mm256_set1_epi16(128)));
    _mm256_store_si256(reinterpret_cast<__m256i*>(block.code + 16 * h), words);
    const __m256i pairs = _mm256_madd_epi16(words, _mm256_set1_epi16(1));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    block.sums[h] = block.d * static_cast<float>(_mm_cvtsi128_si32(sum));
  }
  return block;
}
#else
inline BlockCodes quantize_block(const float* values, int32_t code_max) {
  uint32_t highest_bits = 0;
  for (int i = 0; i < 32; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, values + i, 4);
    bits &= 0x7fffffffu;
    highest_bits = bits > highest_bits ? bits : highest_bits;
  }
  const BlockScale scale = scale_of(highest_bits, code_max);
  BlockCodes block;
  block.d = scale.d;
  int32_t sums[2] = {0, 0};
  for (int i = 0; i < 32; ++i) {
    constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer, which its low bits then hold
    const float rounded = (scale.inverse == 0 ? 0 : values[i]) * scale.inverse + kRound;
    int32_t bits;
    __builtin_memcpy(&bits, &rounded, 4);
    int32_t code = bits - 0x4b400000;
    code += (code & 255) == 128;  // no low digit of −128: its negative would not be a byte
    block.code[i] = static_cast<int16_t>(code);
    sums[i / 16] += code;
  }
  for (int h = 0; h < 2; ++h) block.sums[h] = block.d * static_cast<float>(sums[h]);
  return block;
}
#endif

// Digits of base 256 of a code, both −127 … 127.
inline int32_t high_digit(int32_t code) { return (code + 128) >> 8; }
inline int32_t low_digit(int32_t code) { return code - high_digit(code) * 256; }

// 16 codes as ActivationChunk has them.
inline void put_half(const int16_t* code, int n_digits, int8_t* first, int8_t* second) {
  if (n_digits == 1) {
    for (int i = 0; i < 16; ++i) first[i] = static_cast<int8_t>(code[i]);
  } else if constexpr (kWords) {
    int16_t even[8], odd[8];
    for (int i = 0; i < 8; ++i) {
      even[i] = code[2 * i];
      odd[i] = code[2 * i + 1];
    }
    __builtin_memcpy(first, even, sizeof even);
    __builtin_memcpy(second, odd, sizeof odd);
  } else {
    for (int i = 0; i < 16; ++i) {
      first[i] = static_cast<int8_t>(high_digit(code[i]));
      second[i] = static_cast<int8_t>(low_digit(code[i]));
    }
  }
}

// Blocks first … n − 1 of a chunk; those before belong to the chunk before and count nothing.
inline void quantize_chunk(const float* x, int first, int n_blocks, int n_digits, ActivationChunk& out) {
  for (int b = 0; b < n_blocks; ++b) {
    const BlockCodes block = quantize_block(x + 32 * b, n_digits == 2 ? kCodeMax16 : kCodeMax8);
    for (int h = 0; h < 2; ++h) {
      const int at = 32 * b + 16 * h, quad = b / 4 * 128 + 64 * h + b % 4 * 16;
      put_half(block.code + 16 * h, n_digits, out.first + at, out.second + at);
      __builtin_memcpy(out.quad_first + quad, out.first + at, 16);
      __builtin_memcpy(out.quad_second + quad, out.second + at, 16);
      out.sums_16[2 * b + h] = b < first ? 0 : block.sums[h];
    }
    out.d_and_sums[b] = b < first ? 0 : block.d;
    out.d_and_sums[8 + b] = b < first ? 0 : block.sums[0] + block.sums[1];
  }
}

inline void quantize_chunks(const float* x, int64_t k, int n_digits, ActivationChunk* out) {
  if (k < 256) {
    __builtin_memset(out, 0, sizeof *out);
    return quantize_chunk(x, 0, static_cast<int>(k / 32), n_digits, *out);
  }
  for (int64_t begin = 0; begin < k; begin += 256, ++out) {
    const int first = begin + 256 <= k ? 0 : static_cast<int>((begin + 256 - k) / 32);
    quantize_chunk(x + begin - 32 * first, first, 8, n_digits, *out);
  }
}

// Row t of `out` from x[K].
void quantize_row(const float* x, const QuantizedRows& out, int64_t t) {
  if (out.has_chunks()) return quantize_chunks(x, out.k, out.codes.n_digits, out.chunks + t * activation_chunks(out.k));
  const int n_digits = out.codes.n_digits;
  uint8_t* high = out.q + t * n_digits * out.k;
  for (int64_t b = 0; b < out.k / 32; ++b) {
    const BlockCodes block = quantize_block(x + 32 * b, n_digits == 2 ? kCodeMax16 : kCodeMax8);
    if (n_digits == 2 && kWords) {
      __builtin_memcpy(high + 64 * b, block.code, sizeof block.code);
    } else if (n_digits == 2) {
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
