// Matrix products with weights of any type: the functions that one instruction set exports for them.
//
// A weight is multiplied straight from the mapping (few tokens) or through a panel of decoded rows in the thread's scratch
// (many). Integer-coded types are multiplied with activations quantized to int8; the float types, and types without a kernel of
// their own, with the f32 activations. All functions are pure and thread-safe; none allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/type.h"

namespace lupo::cpu {

// Rows of activations for integer dot products: x ≈ d · q with one scale for each 32 values. K is a multiple of 32.
// Buffers belong to the caller and are aligned to 64 bytes; row t starts at t times the width stated.
struct QuantizedRows {
  uint8_t* q;      // [K, T] codes in the instruction set's own form (x86: q + 128; others: q); |q| <= 127
  float* d;        // [K/32, T] scales
  float* sums;     // [K/32, T] d · Σ q over each 32 values: what the minimum of a weight block is multiplied with
  float* sums_16;  // [K/16, T] the same over each 16 values
  int64_t k;       // K
};

// Bytes of QuantizedRows' four buffers for one token: q, d, sums, sums_16.
constexpr int64_t quantized_row_bytes(int64_t k) { return k + k / 32 * 4 * 4; }

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
  // Row t of `out` from x[K].
  void (*quantize)(const float* x, const QuantizedRows& out, int64_t t);
};

}  // namespace lupo::cpu
