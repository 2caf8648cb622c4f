// Products of BF16 weights with many tokens by TDPBF16PS of AMX (Intel SDM volume 1, chapter 18).
//
// An activation is the sum of three bf16 numbers with 8 bits of its significand each, so that no product is rounded. Tiles 0 and
// 1 sum those of the high parts with 16 rows of the weight each, 2 and 3 those of the other two parts; 4 and 5 hold parts of the
// activations, 6 and 7 the weights. Unlike the kernels for f32 the instruction takes subnormal numbers for zeros.
#pragma once

#include "runtime/backend/cpu/matmul_gemm.h"

namespace lupo::cpu {
namespace {

inline constexpr int kBf16K = 256;      // values of a block of weights
inline constexpr int kBf16Panels = 4;   // panels of kPanelRows rows; an activation is split once for all of them
inline constexpr int kBf16Tokens = 16;  // rows of a tile
inline constexpr int kBf16Depth = 32;   // values of a row of a tile

struct alignas(64) Bf16Block {
  uint16_t w[kBf16Panels][kBf16K / 2 * kPanelRows * 2];  // [2, kPanelRows, K/2, kBf16Panels]
  uint16_t x[3][kBf16Tokens][kBf16K];                    // [K, T, 3] parts of the activations
  float sums[2][kBf16Tokens][kPanelRows];                // [kPanelRows, T, 2] products of the high parts, and of the others
};

// The first n of 16 values, zeros behind.
inline Codes load_bf16_some(const uint16_t* w, int64_t n) {
  if (n >= 16) return load_32(w);
  alignas(32) uint16_t values[16] = {};
  for (int64_t i = 0; i < n; ++i) values[i] = w[i];
  return load_32(values);
}

// n values of rows from w on, filled up with zeros to whole tiles; a short panel repeats its last row.
inline void fill_bf16(const uint16_t* w, int64_t k, int n_rows, int64_t n, uint16_t* panel) {
  for (int column = 0; column < kPanelRows; column += 8) {
    for (int64_t i = 0; i < n; i += kBf16Depth) {
      for (int64_t j = i; j < i + kBf16Depth; j += 16) {
        Codes rows[8];
        for (int r = 0; r < 8; ++r)
          rows[r] = load_bf16_some(w + (column + r < n_rows ? column + r : n_rows - 1) * k + j, n - j);
        store_transposed(rows, reinterpret_cast<int8_t*>(panel + j * kPanelRows + 2 * column), 4 * kPanelRows);
      }
    }
  }
}

// The value of the upper 16 bits, which are those of a bf16.
inline uint16_t take_bf16(float& x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  const uint32_t high = bits & 0xffff0000u;
  float part;
  __builtin_memcpy(&part, &high, 4);
  x -= part;  // exact
  return static_cast<uint16_t>(high >> 16);
}

// n values of each token from x on as parts, filled up with zeros to whole tiles.
inline void split_activations(const float* x, int64_t k, int n_tokens, int64_t n, Bf16Block& block) {
  for (int t = 0; t < n_tokens; ++t, x += k) {
    for (int64_t i = 0; i < n; ++i) {
      float rest = x[i];
      block.x[0][t][i] = take_bf16(rest);
      block.x[1][t][i] = take_bf16(rest);
      block.x[2][t][i] = take_bf16(rest);
    }
    for (int64_t i = n; i % kBf16Depth != 0; ++i) block.x[0][t][i] = block.x[1][t][i] = block.x[2][t][i] = 0;
  }
}

// block.sums of n_tokens tokens and a panel.
[[gnu::noinline]] inline void multiply_bf16_panel(const uint16_t* panel, int n_tokens, int64_t n, Bf16Block& block) {
  constexpr int64_t kRowBytes = 2 * kBf16K, kPanelBytes = 4 * kPanelRows, kSumBytes = 4 * kPanelRows;
  configure_tiles(n_tokens, 2 * kBf16Depth);
  __asm__ volatile("" ::: "memory");  // g++ does not know that _tile_loadd reads memory
  for (int64_t i = 0; i < n; i += kBf16Depth) {
    _tile_loadd(6, panel + i * kPanelRows, kPanelBytes);
    _tile_loadd(7, panel + i * kPanelRows + kPanelRows, kPanelBytes);
    _tile_loadd(4, block.x[0][0] + i, kRowBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, block.x[1][0] + i, kRowBytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(5, block.x[2][0] + i, kRowBytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, block.sums[0], kSumBytes);
  _tile_stored(1, block.sums[0][0] + kLanes, kSumBytes);
  _tile_stored(2, block.sums[1], kSumBytes);
  _tile_stored(3, block.sums[1][0] + kLanes, kSumBytes);
}

inline void put_bf16_sums(const Bf16Block& block, int n_tokens, int n_rows, bool add, float* y, int64_t y_stride) {
  for (int t = 0; t < n_tokens; ++t) {
    FloatLanes sums[kTileVectors][1];
    for (int v = 0; v < kTileVectors; ++v)
      sums[v][0] = lanes_load(block.sums[0][t] + v * kLanes) + lanes_load(block.sums[1][t] + v * kLanes);
    put_tile<1>(sums, 0, n_rows, add, y + t * y_stride, y_stride);
  }
}

// MatmulKernels::multiply.
void multiply_bf16(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride,
                   void* scratch) {
  if (x.n_tokens < kFloatGemmTokens)
    return LUPO_ISA_BASE.find(w.type).multiply(w, row_begin, row_end, x, y, y_stride, scratch);
  Bf16Block& block = *static_cast<Bf16Block*>(scratch);
  constexpr int64_t kRows = kBf16Panels * kPanelRows;
  const auto rows_from = [&](int64_t row) { return row_end - row < kPanelRows ? static_cast<int>(row_end - row) : kPanelRows; };
  for (int64_t begin = row_begin; begin < row_end; begin += kRows) {
    const int64_t end = row_end - begin < kRows ? row_end : begin + kRows;
    for (int64_t k_begin = 0; k_begin < w.k; k_begin += kBf16K) {
      const int64_t n = w.k - k_begin < kBf16K ? w.k - k_begin : kBf16K;
      const uint16_t* weights = reinterpret_cast<const uint16_t*>(w.data) + k_begin;
      for (int64_t row = begin; row < end; row += kPanelRows)
        fill_bf16(weights + row * w.k, w.k, rows_from(row), n, block.w[(row - begin) / kPanelRows]);
      for (int64_t t = 0; t < x.n_tokens; t += kBf16Tokens) {
        const int n_tokens = x.n_tokens - t < kBf16Tokens ? static_cast<int>(x.n_tokens - t) : kBf16Tokens;
        split_activations(x.x + t * w.k + k_begin, w.k, n_tokens, n, block);
        for (int64_t row = begin; row < end; row += kPanelRows) {
          multiply_bf16_panel(block.w[(row - begin) / kPanelRows], n_tokens, n, block);
          put_bf16_sums(block, n_tokens, rows_from(row), k_begin != 0, y + row + t * y_stride, y_stride);
        }
      }
    }
  }
  _tile_release();
}

}  // namespace
}  // namespace lupo::cpu
