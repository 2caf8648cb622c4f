// Products of integer-coded weights with few tokens: rows are read once, straight from the mapping.
//
// A row is walked in chunks of 256 values: the scales of a chunk are decoded together, multiplied with the scales of the
// activations and spread over the lanes of their dot products. With code c = u − offset and w = d · c + m (m of types with
// minima, else 0) a chunk of one row adds
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
// Rows at a time, for one token. With 512 bits two rows' sums need not wait for each other; with fewer the sums of one row are
// enough, and one stream is read from memory 1.2 to 1.9 times as fast as two.
inline constexpr int kGemvRows = kLanes == 16 ? 2 : 1;

// How many products of a pair of codes up to code_max with a pair of digits a 16-bit sum holds: 1, 2, 4 or 8.
constexpr int short_sums_of(int code_max) {
  int n = 1;
  while (n < 8 && 2 * n * (2 * code_max * 127) <= 32767) n *= 2;
  return n;
}

template <class T>
inline constexpr int kOffset = T::kWide ? kWideOffset : T::kOffset;

// Sums of one row and one token, kept in lanes until the row ends.
struct RowSums {
  F32x16 products;
  F32x16 minima;  // the part that needs no dot product; of groups of 32 in the high half
};

template <class T>
inline float row_sum(const RowSums& s) {
  constexpr int kFactor = T::kMin ? 1 : -kOffset<T>;
  if constexpr (kFactor == 0) return sum(s.products);
  if constexpr (T::kGroup == 32) return sum_high(s.products, s.minima, kFactor);
  return sum(s.products, s.minima, kFactor);
}

// The scales of a chunk times those of the activations, for the dot products; adds to the minima.
inline F32x16 scale(const Scales32& s, const ActivationChunk& x, RowSums& sums) {
  const F32x16 both = s * load_16(x.d_and_sums);
  sums.minima = sums.minima + both;
  return both;
}
template <bool kMin>
inline F32x16 scale(const Scales16& s, const ActivationChunk& x, RowSums& sums) {
  sums.minima = fma(kMin ? s.m : s.d, load_16(x.sums_16), sums.minima);
  return s.d * twice(load_8(x.d_and_sums));
}

// Adds a chunk of one row times kTokens tokens; a[t · a_stride] is token t's. The blocks of 32 values before `first` are known to
// have scales of 0 in the activations.
template <class T, int kDigits, int kTokens>
[[gnu::always_inline]] inline void add_chunk(const typename T::Block* row, const ActivationChunk* a, int64_t a_stride, int first,
                                             RowSums (&sums)[kTokens]) {
  F32x16 scaled[kTokens];
  const auto s = T::scales(row);
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    if constexpr (T::kGroup == 32) {
      scaled[t] = scale(s, a[t * a_stride], sums[t]);
    } else {
      scaled[t] = scale<T::kMin>(s, a[t * a_stride], sums[t]);
    }
  }
  if constexpr (T::kNibbles) {
#pragma GCC unroll 2
    for (int q = 0; q < kChunk / 128; ++q) {
      if (first >= 4 * q + 4) continue;
      const Codes128 w = T::quad(row + 4 * q);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) {
        const ActivationChunk& x = a[t * a_stride];
        const I32x16 products = kDigits == 2 ? dot_quad<T::kWide>(w, x.quad_first + 128 * q, x.quad_second + 128 * q)
                                             : dot_quad_bytes<T::kWide, short_sums_of(T::kCodeMax)>(w, x.quad_first + 128 * q);
        sums[t].products = fma(to_float(products), spread_16(scaled[t], q), sums[t].products);
      }
    }
  } else {
#pragma GCC unroll 4
    for (int p = 0; p < kChunk / 64; ++p) {
      if (first >= 2 * p + 2) continue;
      const Codes64 w = T::codes(row, p);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) {
        const ActivationChunk& x = a[t * a_stride];
        const I32x16 products =
            kDigits == 2 ? dot<T::kWide>(w, x.first + 64 * p, x.second + 64 * p) : dot_bytes<T::kWide>(w, x.first + 64 * p);
        const F32x16 d = T::kGroup == 32 ? spread_32(scaled[t], p) : spread_16(scaled[t], p);
        sums[t].products = fma(to_float(products), d, sums[t].products);
      }
    }
  }
}

// A row of less than a chunk, padded with zeros.
template <class T>
struct PaddedRow {
  typename T::Block blocks[kChunk / T::kElements];

  PaddedRow(const typename T::Block* from, int64_t k) {
    __builtin_memset(blocks, 0, sizeof blocks);
    __builtin_memcpy(blocks, from, sizeof(blocks[0]) * static_cast<size_t>(k / T::kElements));
  }
};

// Asks for what lies kPrefetchBytes behind n blocks; behind the weight it is only a hint.
template <class Block>
[[gnu::always_inline]] inline void prefetch(const Block* row, int64_t n) {
  const uintptr_t ahead = reinterpret_cast<uintptr_t>(row) + kPrefetchBytes;
#pragma GCC unroll 8
  for (uintptr_t b = 0; b < static_cast<uintptr_t>(n) * sizeof(Block); b += 64)
    __builtin_prefetch(reinterpret_cast<const void*>(ahead + b), 0, 3);
}

// kRows rows of K >= 256 values, or of PaddedRows, times kTokens tokens: rows[r] to y[r + t · y_stride].
template <class T, int kDigits, int kRows, int kTokens>
inline void multiply_rows(const typename T::Block* const (&rows)[kRows], int64_t k, const ActivationChunk* a, int64_t a_stride,
                          float* y, int64_t y_stride) {
  constexpr int64_t kAdvance = kChunk / T::kElements;
  const typename T::Block* row[kRows];
  RowSums sums[kRows][kTokens];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    row[r] = rows[r];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) sums[r][t] = {zero_16(), zero_16()};
  }
  for (int64_t c = k / kChunk; c > 0; --c, ++a) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      prefetch(row[r], kAdvance);
      add_chunk<T, kDigits, kTokens>(row[r], a, a_stride, 0, sums[r]);
      row[r] += kAdvance;
    }
  }
  if constexpr (T::kElements < kChunk) {
    if (k % kChunk != 0) {  // the rows' last chunks again, without the blocks that are done
      const int done = static_cast<int>((kChunk - k % kChunk) / 32);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        prefetch(row[r], (kBlocksOfChunk - done) * 32 / T::kElements);
        add_chunk<T, kDigits, kTokens>(row[r] - done * 32 / T::kElements, a, a_stride, done, sums[r]);
      }
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) y[r + t * y_stride] = row_sum<T>(sums[r][t]);
  }
}

// A row times all tokens, four in one pass.
template <class T, int kDigits>
[[gnu::noinline]] void row_times_tokens(const typename T::Block* row, int64_t k, const Activations& x, float* y,
                                        int64_t y_stride) {
  const int64_t chunks = activation_chunks(k);
  for (int64_t t = 0; t < x.n_tokens; t += 4) {
    const ActivationChunk* a = x.quantized.chunks + t * chunks;
    float* out = y + t * y_stride;
    switch (x.n_tokens - t) {
      case 1: multiply_rows<T, kDigits, 1, 1>({row}, k, a, chunks, out, y_stride); break;
      case 2: multiply_rows<T, kDigits, 1, 2>({row}, k, a, chunks, out, y_stride); break;
      case 3: multiply_rows<T, kDigits, 1, 3>({row}, k, a, chunks, out, y_stride); break;
      default: multiply_rows<T, kDigits, 1, 4>({row}, k, a, chunks, out, y_stride);
    }
  }
}

template <class T, int kDigits>
inline void gemv(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride) {
  using Block = typename T::Block;
  const int64_t blocks_of_row = w.k / T::kElements;
  const auto row = [&](int64_t r) { return reinterpret_cast<const Block*>(w.data) + r * blocks_of_row; };
  int64_t r = row_begin;
  if constexpr (T::kElements < kChunk) {
    if (w.k < kChunk) {
      for (; r < row_end; ++r) row_times_tokens<T, kDigits>(PaddedRow<T>(row(r), w.k).blocks, kChunk, x, y + r, y_stride);
    }
  }
  if (x.n_tokens == 1) {
    for (; r + kGemvRows <= row_end; r += kGemvRows) {
      const Block* rows[kGemvRows];
      for (int i = 0; i < kGemvRows; ++i) rows[i] = row(r + i);
      multiply_rows<T, kDigits, kGemvRows, 1>(rows, w.k, x.quantized.chunks, 0, y + r, y_stride);
    }
  }
  for (; r < row_end; ++r) row_times_tokens<T, kDigits>(row(r), w.k, x, y + r, y_stride);
}

}  // namespace
}  // namespace lupo::cpu
