// Matrix products with weights of any type: the functions that one instruction set exports for them.
//
// A weight is multiplied straight from the mapping (few tokens) or through a panel of decoded rows in the thread's scratch
// (many). Integer-coded types are multiplied with activations quantized to one or two int8 digits; the float types, and types
// without a kernel of their own, with the f32 activations. All functions are pure and thread-safe; none allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/type.h"
#include "runtime/backend/cpu/peak_kernels.h"

namespace lupo::cpu {

// Activations of fewer tokens than this are multiplied row by row of the weight; from here on a panel of decoded rows pays. With
// 8-bit codes it pays sooner.
inline constexpr int64_t kFewTokens = 8, kFewTokensCoarse = 3;
// Up to here the activations of a prompt have 16-bit codes, since its user reads each token. Longer ones have 8-bit codes, as the
// reference engine always has.
inline constexpr int64_t kFineTokens = 64;

// The codes of a step's activations: digits of base 256, and the number of tokens from which a product takes panels.
struct StepCodes {
  int n_digits;
  int64_t n_panel;
};
// `coarse`: 8 bits, however few tokens there are. A step of fewer than kFewTokens goes row by row with either, so that each of its
// tokens has the bits that it has alone.
constexpr StepCodes codes_of_step(int64_t n_tokens, bool coarse = false) {
  const int n_digits = coarse || n_tokens > kFineTokens ? 1 : 2;
  return {n_digits, n_digits == 2 || n_tokens < kFewTokens ? kFewTokens : kFewTokensCoarse};
}

// 256 activations of one token, when tokens are few: x ≈ d · c. A code c of 8 bits is in `first`. One of 16 bits is
// c = 256 · high + low, |high| and |low| <= 127. As digits, `first` has the high and `second` the low one of each code. As words
// (x86 without VNNI), the 16 bytes of each 16 values are eight int16: in `first` the codes of the even values, in `second` of the
// odd ones. Of a row whose length K is no
// multiple of 256 the last chunk holds the last 256 values, with d and sums of those in the chunk before as 0; of a row with
// K < 256 it is filled up with zeros.
struct alignas(64) ActivationChunk {
  int8_t first[256], second[256];
  int8_t quad_first[256], quad_second[256];  // [16, 4, 2, 2] the same, from (16 values, 2 halves, 4 blocks, 2): see Codes128
  float d_and_sums[16];  // [8, 2] d of each 32 values; d · Σ c of them, which minima of weights are multiplied with
  float sums_16[16];     // d · Σ c of each 16 values
};

constexpr int64_t activation_chunks(int64_t k) { return (k + 255) / 256; }

// Rows of activations for integer dot products, one scale for each 32 values. K is a multiple of 32. Buffers belong to the
// caller and are aligned to 64 bytes; row t starts at t times the width stated.
struct QuantizedRows {
  int64_t k;                // K
  int64_t n_tokens;         // T
  ActivationChunk* chunks;  // [activation_chunks(K), T] where has_chunks(); the rest is not used then
  uint8_t* q;               // [K, n_digits, T] codes, or high then low digits, + MatmulTable::code_bias; or int16 [K, T]
  float* d;                 // [K/32, T]
  float* sums;              // [K/32, T]
  float* sums_16;           // [K/16, T]
  StepCodes codes = codes_of_step(n_tokens);  // the T tokens of one expert have those of their whole step

  bool has_chunks() const { return n_tokens < codes.n_panel; }
};

// Bytes of QuantizedRows::q for up to T tokens of up to K values.
constexpr int64_t code_bytes(int64_t k, int64_t n_tokens) {
  const int64_t n_fine = n_tokens < kFineTokens ? n_tokens : kFineTokens;
  return k * (n_tokens > 2 * n_fine ? n_tokens : 2 * n_fine);
}

// What a batch of tokens brings to a product. Only the form that MatmulKernels::quantizes names is read.
struct Activations {
  const float* x;           // [K, T]
  QuantizedRows quantized;  // [K, T]
  int64_t n_tokens;         // T >= 1
};

struct WeightRows {
  const std::byte* data;  // row 0; rows follow each other without gaps
  Type type;
  int64_t k;  // K, a multiple of the type's block
};

struct MatmulKernels {
  // y[r + t · y_stride] = Σ_k w[k, r] · x[k, t] for row_begin <= r < row_end and all t < T.
  // `scratch`: MatmulTable::scratch_bytes(K) bytes of the calling thread, aligned to 64 bytes.
  void (*multiply)(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride,
                   void* scratch);
  bool quantizes;    // reads Activations::quantized; else Activations::x
  bool is_fallback;  // decodes by the reference: right for every type, but slow
};

struct MatmulTable {
  MatmulKernels (*find)(Type type);
  int64_t (*scratch_bytes)(int64_t k);
  int64_t row_tile;  // rows of a panel: ranges that start at a multiple of it waste nothing
  int code_bias;       // what is added to the codes of QuantizedRows::q
  bool has_words;      // the form of 16-bit codes: words, else digits
  // Row t of `out` from x[K].
  void (*quantize)(const float* x, const QuantizedRows& out, int64_t t);
  PeakKernels peak;
};

}  // namespace lupo::cpu
