// Activations to int8, 32 values to a scale. Plain loops that the compiler vectorises for each instruction set.
#pragma once

#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/backend/cpu/simd_block.h"

namespace lupo::cpu {
namespace {

// d = max |x| / 127 and q = x / d to the nearest integer, ties to even, so that every instruction set gives the same codes.
// A block with a NaN or an infinity gets d = NaN: the product then is NaN, as it is in floats, and not a quiet number.
void quantize_row(const float* x, const QuantizedRows& out, int64_t t) {
  for (int64_t block = 0; block < out.k / 32; ++block) {
    const float* values = x + 32 * block;
    uint32_t highest_bits = 0;  // of |x|: ordered as the floats are, and a NaN is above infinity
    for (int i = 0; i < 32; ++i) {
      uint32_t bits;
      __builtin_memcpy(&bits, values + i, 4);
      bits &= 0x7fffffffu;
      highest_bits = bits > highest_bits ? bits : highest_bits;
    }
    float highest;
    __builtin_memcpy(&highest, &highest_bits, 4);
    const bool is_finite = highest_bits < 0x7f800000u;
    const bool is_zero = highest < 0x1p-119f;  // 127 / highest must be finite
    const float inverse = is_finite && !is_zero ? 127 / highest : 0;
    const float d = !is_finite ? __builtin_nanf("") : is_zero ? 0 : highest / 127;
    const int64_t at = t * out.k / 32 + block;
    int32_t sums[2] = {0, 0};
    for (int i = 0; i < 32; ++i) {
      constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer, which its low bits then hold
      const float rounded = (is_finite ? values[i] : 0) * inverse + kRound;
      int32_t bits;
      __builtin_memcpy(&bits, &rounded, 4);
      const int32_t q = bits - 0x4b400000;
      sums[i / 16] += q;
      out.q[32 * at + i] = static_cast<uint8_t>(q + kActivationBias);
    }
    out.d[at] = d;
    out.sums[at] = d * static_cast<float>(sums[0] + sums[1]);
    out.sums_16[2 * at] = d * static_cast<float>(sums[0]);
    out.sums_16[2 * at + 1] = d * static_cast<float>(sums[1]);
  }
}

}  // namespace
}  // namespace lupo::cpu
