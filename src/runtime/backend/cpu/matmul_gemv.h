// Products of integer-coded weights with few tokens: rows are read once, straight from the mapping.
//
// A row is walked in chunks of 256 values: the scales of a chunk are decoded together, multiplied with the scales of the
// activations and laid out in memory, from where each is broadcast to its dot product. With code c = u − offset and
// w = d · c + m (m of types with minima, else 0) a chunk of one row adds
//   Σ_group  d · da · Σ u q  +  (m − offset · d) · (da · Σ q).
#pragma once

#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/backend/cpu/simd_block.h"
#include "runtime/backend/cpu/simd_types.h"

namespace lupo::cpu {
namespace {

inline constexpr int kChunk = 256;                 // values
inline constexpr int kBlocksOfChunk = 8;           // of 32 values
inline constexpr uintptr_t kPrefetchBytes = 4096;  // ahead of the row that is read: measured best of 2–8 kB

template <class T>
inline constexpr int64_t kBlockElements = T::kSuper ? 256 : 32;

template <class T>
inline constexpr int kOffset = T::kWide ? kWideOffset : T::kOffset;

// One token's activations for a chunk.
struct ChunkActivations {
  const uint8_t* q;      // [256]
  const float* d;        // [8]
  const float* sums;     // [8]
  const float* sums_16;  // [16]
};

inline ChunkActivations chunk_activations(const QuantizedRows& x, int64_t t, int64_t begin) {
  return {x.q + t * x.k + begin, x.d + (t * x.k + begin) / 32, x.sums + (t * x.k + begin) / 32,
          x.sums_16 + (t * x.k + begin) / 16};
}

// Sums of one row and one token, kept in lanes until the row ends.
template <int kGroup>
struct RowSums {
  F32x16 products;
  Groups<kGroup> minima;  // the part that needs no dot product
};

template <int kGroup>
inline Groups<kGroup> zero_groups() {
  if constexpr (kGroup == 32) {
    return zero_8();
  } else {
    return zero_16();
  }
}

template <class T>
inline float row_minima(const RowSums<T::kGroup>& s) {
  if constexpr (T::kMin) return sum(s.minima);
  if constexpr (kOffset<T> != 0) return sum(s.minima) * -kOffset<T>;
  return 0;
}

// Adds blocks of 32 values first … 7 (first = 0 for types with blocks of 256) of kRows rows times kTokens tokens.
template <class T, int kRows, int kTokens>
[[gnu::always_inline]] inline void add_chunk(const typename T::Block* const (&rows)[kRows], const ChunkActivations (&a)[kTokens],
                                             int first, RowSums<T::kGroup> (&sums)[kRows][kTokens]) {
  Groups<T::kGroup> scaled[kRows][kTokens];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const Scales<T::kGroup> s = T::scales(rows[r]);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      Groups<T::kGroup> da, activation_sums;
      if constexpr (T::kGroup == 32) {
        da = first == 0 ? load_8(a[t].d) : load_8_from(a[t].d, first);
        activation_sums = first == 0 ? load_8(a[t].sums) : load_8_from(a[t].sums, first);
      } else {
        da = twice(load_8(a[t].d));
        activation_sums = load_16(a[t].sums_16);
      }
      scaled[r][t] = s.d * da;
      if constexpr (T::kMin) {
        sums[r][t].minima = fma(s.m, activation_sums, sums[r][t].minima);
      } else if constexpr (kOffset<T> != 0) {
        sums[r][t].minima = fma(s.d, activation_sums, sums[r][t].minima);  // times −offset when the row ends
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kChunk / 64; ++p) {
    if (first >= 2 * p + 2) continue;
    Codes64 q[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) q[t] = load_activations(a[t].q + 64 * p);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const Codes64 w = T::codes(rows[r], p);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) {
        sums[r][t].products = fma(to_float(dot<T::kWide>(w, q[t])), spread(scaled[r][t], p), sums[r][t].products);
      }
    }
  }
}

// A row of less than a chunk, padded with zeros: of blocks of 32 values only.
template <class T>
struct PaddedRow {
  typename T::Block blocks[kBlocksOfChunk];

  PaddedRow(const typename T::Block* from, int n_blocks) {
    __builtin_memset(blocks, 0, sizeof blocks);
    __builtin_memcpy(blocks, from, sizeof(blocks[0]) * static_cast<size_t>(n_blocks));
  }
};

template <class T>
inline float short_row(const typename T::Block* row, int n_blocks, const ChunkActivations& x) {
  const PaddedRow<T> padded(row, n_blocks);
  alignas(64) uint8_t q[kChunk];
  alignas(64) float d[kBlocksOfChunk] = {}, sums_of_x[kBlocksOfChunk] = {};
  __builtin_memset(q, kActivationBias, sizeof q);
  __builtin_memcpy(q, x.q, 32 * static_cast<size_t>(n_blocks));
  __builtin_memcpy(d, x.d, 4 * static_cast<size_t>(n_blocks));
  __builtin_memcpy(sums_of_x, x.sums, 4 * static_cast<size_t>(n_blocks));
  RowSums<T::kGroup> sums[1][1] = {{{zero_16(), zero_groups<T::kGroup>()}}};
  add_chunk<T, 1, 1>({padded.blocks}, {{q, d, sums_of_x, nullptr}}, 0, sums);
  return sum(sums[0][0].products) + row_minima<T>(sums[0][0]);
}

// kRows rows from `row`, tokens first_token … first_token + kTokens. K >= 256.
template <class T, int kRows, int kTokens>
inline void multiply_rows(const WeightRows& w, int64_t row, const QuantizedRows& x, int64_t first_token, float* y,
                          int64_t y_stride) {
  using Block = typename T::Block;
  constexpr int64_t kAdvance = kChunk / kBlockElements<T>;
  constexpr uintptr_t kChunkBytes = kAdvance * sizeof(Block);
  const int64_t blocks_of_row = w.k / kBlockElements<T>;
  const Block* rows[kRows];
  for (int r = 0; r < kRows; ++r) rows[r] = reinterpret_cast<const Block*>(w.data) + (row + r) * blocks_of_row;
  RowSums<T::kGroup> sums[kRows][kTokens];
  for (auto& of_row : sums) {
    for (RowSums<T::kGroup>& s : of_row) s = {zero_16(), zero_groups<T::kGroup>()};
  }
  int64_t begin = 0;
  for (; begin + kChunk <= w.k; begin += kChunk) {
    ChunkActivations a[kTokens];
    for (int t = 0; t < kTokens; ++t) a[t] = chunk_activations(x, first_token + t, begin);
    for (int r = 0; r < kRows; ++r) {
      const uintptr_t ahead = reinterpret_cast<uintptr_t>(rows[r]) + kPrefetchBytes;  // may lie behind the weight: only a hint
      for (uintptr_t b = 0; b < kChunkBytes; b += 64) __builtin_prefetch(reinterpret_cast<const void*>(ahead + b), 0, 3);
    }
    add_chunk<T, kRows, kTokens>(rows, a, 0, sums);
    for (int r = 0; r < kRows; ++r) rows[r] += kAdvance;
  }
  if constexpr (!T::kSuper) {
    if (begin < w.k) {  // the row's last chunk again, without the blocks that are done
      const int done = static_cast<int>((begin + kChunk - w.k) / 32);
      ChunkActivations a[kTokens];
      for (int t = 0; t < kTokens; ++t) a[t] = chunk_activations(x, first_token + t, w.k - kChunk);
      for (int r = 0; r < kRows; ++r) rows[r] -= done;
      add_chunk<T, kRows, kTokens>(rows, a, done, sums);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTokens; ++t) {
      y[row + r + (first_token + t) * y_stride] = sum(sums[r][t].products) + row_minima<T>(sums[r][t]);
    }
  }
}

inline constexpr int kGemvTokens = 4;  // of one pass over a row

template <class T>
inline void gemv(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride) {
  int64_t row = row_begin;
  if constexpr (!T::kSuper) {
    if (w.k < kChunk) {
      const int64_t n_blocks = w.k / 32;
      for (; row < row_end; ++row) {
        const auto* blocks = reinterpret_cast<const typename T::Block*>(w.data) + row * n_blocks;
        for (int64_t t = 0; t < x.n_tokens; ++t) {
          y[row + t * y_stride] = short_row<T>(blocks, static_cast<int>(n_blocks), chunk_activations(x.quantized, t, 0));
        }
      }
    }
  }
  if (x.n_tokens == 1) {
    constexpr int kRows = 2;
    for (; row + kRows <= row_end; row += kRows) multiply_rows<T, kRows, 1>(w, row, x.quantized, 0, y, y_stride);
  }
  for (; row < row_end; ++row) {
    for (int64_t t = 0; t < x.n_tokens; t += kGemvTokens) {
      switch (x.n_tokens - t) {
        case 1: multiply_rows<T, 1, 1>(w, row, x.quantized, t, y, y_stride); break;
        case 2: multiply_rows<T, 1, 2>(w, row, x.quantized, t, y, y_stride); break;
        case 3: multiply_rows<T, 1, 3>(w, row, x.quantized, t, y, y_stride); break;
        default: multiply_rows<T, 1, 4>(w, row, x.quantized, t, y, y_stride);
      }
    }
  }
}

}  // namespace
}  // namespace lupo::cpu
