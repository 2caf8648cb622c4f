// Products of integer-coded weights with many tokens: a panel of rows is decoded once into the thread's scratch, in the order in
// which the dot-product instruction reads it, and multiplied with all tokens.
//
// A panel holds kPanelRows rows × at most kPanelK values, so that it stays in the first-level cache while the tokens stream by.
// A tile is kPanelRows rows × kTileTokens tokens: integer sums over one group, scaled into float sums.
#pragma once

#include "runtime/backend/cpu/matmul_gemv.h"

namespace lupo::cpu {
namespace {

inline constexpr int kPanelRows = kLanes * kTileVectors;
inline constexpr int kPanelK = 512;                  // values of a panel; the last may have up to
inline constexpr int kPanelKMax = kPanelK + kChunk;  // values, so that none but a short row has less than a chunk
static_assert(kPanelRows % 8 == 0 && kPanelK % kChunk == 0);

// With short sums codes keep their offset, and what it adds to a product is taken off with the minima.
inline constexpr bool kKeepsOffset = kWords;
template <class T>
inline constexpr bool kHasMin = T::kMin || (kKeepsOffset && T::kOffset != 0);

struct alignas(64) Panel {
  int8_t codes[kPanelKMax / 4 * kPanelRows * 4];  // [4, kPanelRows, K/4] codes, without offset or with it
  float d[kPanelKMax / 16 * kPanelRows];          // [kPanelRows, groups]
  float m[kPanelKMax / 16 * kPanelRows];          // [kPanelRows, groups]
  int32_t start[kPanelKMax / 16 * kPanelRows];    // [kPanelRows, groups] −kActivationBias · Σ of a group's codes
  int16_t words[kWords ? kPanelKMax * kPanelRows : 2];  // [2, kPanelRows, K/2] the codes, for 16-bit activations
};

// Float i of row r goes to out[i · kPanelRows + r].
template <class Row>
inline void store_columns(Row row, float* out) {
  F32x8 rows[8];
  for (int r = 0; r < 8; ++r) rows[r] = row(r);
  store_transposed(rows, out, kPanelRows);
}
template <class T>
inline void store_scales(const Scales32 (&s)[8], float* d, float* m) {
  store_columns([&](int r) { return low(s[r]); }, d);
  if constexpr (T::kMin) {
    store_columns([&](int r) { return high(s[r]); }, m);
  } else if constexpr (kHasMin<T>) {
    store_columns([&](int r) { return low(s[r]) * broadcast_8(-T::kOffset); }, m);
  }
}
template <class T>
inline void store_scales(const Scales16 (&s)[8], float* d, float* m) {
  store_columns([&](int r) { return low(s[r].d); }, d);
  store_columns([&](int r) { return high(s[r].d); }, d + 8 * kPanelRows);
  if constexpr (!kHasMin<T>) return;
  const F32x16 factor = broadcast_16(T::kMin ? 1 : -T::kOffset);
  store_columns([&](int r) { return low((T::kMin ? s[r].m : s[r].d) * factor); }, m);
  store_columns([&](int r) { return high((T::kMin ? s[r].m : s[r].d) * factor); }, m + 8 * kPanelRows);
}

// Decodes a chunk of 8 rows into columns `column` … of the panel, from block of 32 values `first` of the panel on.
template <class T>
inline void fill_chunk(const typename T::Block* const (&rows)[8], int first, int column, Panel& panel) {
  using S = decltype(T::scales(rows[0]));
  const S scales[8] = {T::scales(rows[0]), T::scales(rows[1]), T::scales(rows[2]), T::scales(rows[3]),
                       T::scales(rows[4]), T::scales(rows[5]), T::scales(rows[6]), T::scales(rows[7])};
  const int64_t at = static_cast<int64_t>(first) * (32 / T::kGroup) * kPanelRows + column;
  store_scales<T>(scales, panel.d + at, panel.m + at);
  int8_t* out = panel.codes + (static_cast<int64_t>(first) * 8 * kPanelRows + column) * 4;
#pragma GCC unroll 4
  for (int p = 0; p < kChunk / 64; ++p) {
    Codes even[8], odd[8];
    for (int r = 0; r < 8; ++r) {
      const Codes64 c = T::codes(rows[r], p);
      constexpr int kSubtracted = kKeepsOffset ? 0 : T::kOffset;
      even[r] = kSubtracted != 0 ? subtract(low(c), kSubtracted) : low(c);
      odd[r] = kSubtracted != 0 ? subtract(high(c), kSubtracted) : high(c);
    }
    constexpr int64_t kBlockBytes = 32 * kPanelRows;
    store_transposed(even, out + 2 * p * kBlockBytes, kPanelRows * 4);
    store_transposed(odd, out + (2 * p + 1) * kBlockBytes, kPanelRows * 4);
  }
}

// Decodes n_blocks blocks of 32 values of 8 rows.
template <class T>
inline void fill_columns(const typename T::Block* const (&rows)[8], int n_blocks, int column, Panel& panel) {
  if constexpr (T::kElements < kChunk) {
    if (n_blocks < kBlocksOfChunk) {  // a row of less than 256 values
      const typename T::Block* padded_rows[8];
      const int64_t k = 32 * n_blocks;
      PaddedRow<T> padded[8] = {{rows[0], k}, {rows[1], k}, {rows[2], k}, {rows[3], k},
                                {rows[4], k}, {rows[5], k}, {rows[6], k}, {rows[7], k}};
      for (int r = 0; r < 8; ++r) padded_rows[r] = padded[r].blocks;
      fill_chunk<T>(padded_rows, 0, column, panel);
      return;
    }
  }
  for (int first = 0; first < n_blocks; first += kBlocksOfChunk) {
    if (first > n_blocks - kBlocksOfChunk)
      first = n_blocks - kBlocksOfChunk;  // a short rest: the last chunk, decoded in part again
    const typename T::Block* chunk[8];
    for (int r = 0; r < 8; ++r) chunk[r] = rows[r] + first * 32 / T::kElements;
    fill_chunk<T>(chunk, first, column, panel);
  }
}

template <class T>
inline void fill_panel(const WeightRows& w, int64_t row, int64_t row_end, int64_t k_begin, int n_blocks, Panel& panel) {
  using Block = typename T::Block;
  const int64_t blocks_of_row = w.k / T::kElements;
  const Block* weights = reinterpret_cast<const Block*>(w.data) + k_begin / T::kElements;
  for (int column = 0; column < kPanelRows; column += 8) {
    const Block* rows[8];
    for (int r = 0; r < 8; ++r) {
      const int64_t index = row + column + r < row_end ? row + column + r : row_end - 1;  // a short panel repeats its last row
      rows[r] = weights + index * blocks_of_row;
    }
    fill_columns<T>(rows, n_blocks, column, panel);
  }
  if constexpr (kActivationBias != 0) {
    constexpr int kFoursOfGroup = T::kGroup / 4;
    for (int g = 0; g < n_blocks * (32 / T::kGroup); ++g) {
      for (int v = 0; v < kTileVectors; ++v) {
        IntLanes start = int_broadcast(0);
        for (int f = 0; f < kFoursOfGroup; ++f) {
          start = subtract_bias<T::kWide>(
              start, int_load(panel.codes + ((static_cast<int64_t>(g) * kFoursOfGroup + f) * kPanelRows + v * kLanes) * 4));
        }
        int_store(panel.start + static_cast<int64_t>(g) * kPanelRows + v * kLanes, start);
      }
    }
  }
}

// What a decoded panel still has of its type: few forms, so that each product is compiled once for many types.
template <int kGroupOfType, bool kWideOfType, bool kMinOfType, int kShortSumsOfType>
struct PanelForm {
  static constexpr int kGroup = kGroupOfType, kShortSums = kShortSumsOfType;
  static constexpr bool kWide = kWideOfType, kMin = kMinOfType;
  // Codes are multiplied as words, whatever the activations have: bytes would have to swap signs and be widened each time.
  static constexpr bool kAlwaysWords = kWords && kWide && kShortSums == 1;
};

// Sums of tokens first … kTokens − 1 to y[0 … n_rows) of each: set by the first panel of a row, added to by the others.
template <int kTokens>
[[gnu::always_inline]] inline void put_tile(const FloatLanes (&sums)[kTileVectors][kTokens], int first, int n_rows, bool add,
                                            float* y, int64_t y_stride) {
  if (n_rows == kPanelRows) {
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      if (t < first) continue;
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) {
        float* at = y + t * y_stride + v * kLanes;
        lanes_store(at, add ? lanes_load(at) + sums[v][t] : sums[v][t]);
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {  // unrolled, or the sums would lie in memory
    if (t < first) continue;
    alignas(64) float values[kPanelRows];
    for (int v = 0; v < kTileVectors; ++v) lanes_store(values + v * kLanes, sums[v][t]);
    for (int r = 0; r < n_rows; ++r) y[t * y_stride + r] = (add ? y[t * y_stride + r] : 0) + values[r];
  }
}

// y's lines are far apart: fetched while the tile is computed.
template <int kTokens>
inline void prefetch_tile(const float* y, int64_t y_stride) {
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kPanelRows; v += 16) __builtin_prefetch(y + t * y_stride + v, 1, 3);
  }
}

// panel_times_all<F, kDigits>(panel, x, k_begin, n_blocks, n_rows, y, y_stride): a panel times all tokens, put as put_tile does.
#if defined(LUPO_ISA_AMX)
#include "runtime/backend/cpu/matmul_gemm_amx.h"
#elif defined(LUPO_ISA_I8MM)
#include "runtime/backend/cpu/matmul_gemm_i8mm.h"
#else

// sums + the panel's codes of one group times a digit of the activations; the codes start at `codes`, token t's digits at
// q + t · q_stride.
#if defined(LUPO_SHORT_SUMS)
template <class F, int kTokens>
[[gnu::always_inline]] inline void add_group(const int8_t* codes, const uint8_t* q, int64_t q_stride,
                                             IntLanes (&sums)[kTileVectors][kTokens]) {
  constexpr int kFours = F::kGroup / 4, kOfSum = kFours < F::kShortSums ? kFours : F::kShortSums;
#pragma GCC unroll 8
  for (int first = 0; first < kFours; first += kOfSum) {
    ShortLanes products[kTileVectors][kTokens];
#pragma GCC unroll 8
    for (int f = first; f < first + kOfSum; ++f) {
      IntLanes w[kTileVectors], size[kTileVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) {
        w[v] = int_load(codes + (f * kPanelRows + v * kLanes) * 4);
        size[v] = F::kWide ? magnitudes(w[v]) : w[v];
      }
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        const IntLanes four = load_four(q + t * q_stride + 4 * f);
#pragma GCC unroll 2
        for (int v = 0; v < kTileVectors; ++v) {
          const ShortLanes pairs = short_dot<F::kWide>(size[v], w[v], four);
          products[v][t] = f == first ? pairs : add_short(products[v][t], pairs);
        }
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) {
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) sums[v][t] = sums[v][t] + widen(products[v][t]);
    }
  }
}
#else
template <class F, int kTokens>
[[gnu::always_inline]] inline void add_group(const int8_t* codes, const uint8_t* q, int64_t q_stride,
                                             IntLanes (&sums)[kTileVectors][kTokens]) {
#pragma GCC unroll 8
  for (int f = 0; f < F::kGroup / 4; ++f) {
    IntLanes w[kTileVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) w[v] = int_load(codes + (f * kPanelRows + v * kLanes) * 4);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const IntLanes four = load_four(q + t * q_stride + 4 * f);
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) sums[v][t] = add_dot<F::kWide>(sums[v][t], w[v], four);
    }
  }
}
#endif

// Scales the products of group g into the float sums.
template <class F, int kTokens>
[[gnu::always_inline]] inline void add_scaled(const Panel& panel, const QuantizedRows& x, int64_t token, int64_t k_begin, int g,
                                              const IntLanes (&products)[kTileVectors][kTokens],
                                              FloatLanes (&sums)[kTileVectors][kTokens]) {
  const float* da = x.d + (token * x.k + k_begin) / 32 + g / (32 / F::kGroup);
  const float* minima = (F::kGroup == 32 ? x.sums : x.sums_16) + (token * x.k + k_begin) / F::kGroup + g;
#pragma GCC unroll 2
  for (int v = 0; v < kTileVectors; ++v) {
    const int64_t at = static_cast<int64_t>(g) * kPanelRows + v * kLanes;
    const FloatLanes d = lanes_load(panel.d + at);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t)
      sums[v][t] = fma(to_float(products[v][t]), d * lanes_broadcast(da[t * (x.k / 32)]), sums[v][t]);
    if constexpr (F::kMin) {
      const FloatLanes m = lanes_load(panel.m + at);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) sums[v][t] = fma(m, lanes_broadcast(minima[t * (x.k / F::kGroup)]), sums[v][t]);
    }
  }
}

template <class F, int kDigits, int kTokens>
[[gnu::always_inline]] inline void multiply_tile(const Panel& panel, const QuantizedRows& x, int64_t token, int64_t k_begin,
                                                 int n_blocks, FloatLanes (&sums)[kTileVectors][kTokens]) {
  const int64_t q_stride = kDigits * x.k;
  const uint8_t* q = x.q + token * q_stride + k_begin;
  const int8_t* codes = panel.codes;
  for (int g = 0; g < n_blocks * (32 / F::kGroup); ++g, codes += F::kGroup * kPanelRows, q += F::kGroup) {
    IntLanes start[kTileVectors], products[kTileVectors][kTokens];
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) {
      start[v] =
          kActivationBias != 0 ? int_load(panel.start + static_cast<int64_t>(g) * kPanelRows + v * kLanes) : int_broadcast(0);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) products[v][t] = start[v];
    }
    add_group<F, kTokens>(codes, q, q_stride, products);
    if constexpr (kDigits == 2) {
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) {
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) products[v][t] = times_256(products[v][t]) + start[v];
      }
      add_group<F, kTokens>(codes, q + x.k, q_stride, products);
    }
    add_scaled<F, kTokens>(panel, x, token, k_begin, g, products, sums);
  }
}

#if defined(LUPO_SHORT_SUMS)
// The same with words; q is where the first token's begin, the next one's q_stride words on.
template <class F, int kTokens>
[[gnu::always_inline]] inline void multiply_words(const Panel& panel, const int16_t* q, int64_t q_stride, const QuantizedRows& x,
                                                  int64_t token, int64_t k_begin, int n_blocks,
                                                  FloatLanes (&sums)[kTileVectors][kTokens]) {
  const int16_t* words = panel.words;
  for (int g = 0; g < n_blocks * (32 / F::kGroup); ++g, words += F::kGroup * kPanelRows, q += F::kGroup) {
    IntLanes products[kTileVectors][kTokens];
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) {
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) products[v][t] = int_broadcast(0);
    }
#pragma GCC unroll 16
    for (int pair = 0; pair < F::kGroup / 2; ++pair) {
      IntLanes w[kTileVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; ++v) w[v] = int_load(words + (pair * kPanelRows + v * kLanes) * 2);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        const IntLanes two = load_four(reinterpret_cast<const uint8_t*>(q + t * q_stride + 2 * pair));
#pragma GCC unroll 2
        for (int v = 0; v < kTileVectors; ++v) products[v][t] = add_words(products[v][t], w[v], two);
      }
    }
    add_scaled<F, kTokens>(panel, x, token, k_begin, g, products, sums);
  }
}

template <class F>
inline void widen_panel(int n_blocks, Panel& panel) {
  constexpr int64_t kFour = 4 * kPanelRows;
  for (int64_t f = 0; f < n_blocks * 8; ++f) {
    for (int v = 0; v < kTileVectors; ++v)
      widen_fours<F::kWide>(panel.codes + f * kFour + v * kLanes * 4, panel.words + f * kFour + v * kLanes * 2, kFour / 2);
  }
}

// The words of the activations: as they are, or made of bytes.
template <class F, int kDigits, int kTokens>
[[gnu::always_inline]] inline void multiply_tile_of_words(const Panel& panel, const QuantizedRows& x, int64_t token,
                                                          int64_t k_begin, int n_blocks,
                                                          FloatLanes (&sums)[kTileVectors][kTokens]) {
  if constexpr (kDigits == 2) {
    const int16_t* q = reinterpret_cast<const int16_t*>(x.q) + token * x.k + k_begin;
    return multiply_words<F, kTokens>(panel, q, x.k, x, token, k_begin, n_blocks, sums);
  }
  alignas(64) int16_t q[kTokens * kPanelKMax];
  for (int t = 0; t < kTokens; ++t) {
    for (int i = 0; i < 32 * n_blocks; i += 16) widen_codes(x.q + (token + t) * x.k + k_begin + i, q + t * kPanelKMax + i);
  }
  multiply_words<F, kTokens>(panel, q, kPanelKMax, x, token, k_begin, n_blocks, sums);
}
#endif

template <class F, int kDigits, int kTokens>
[[gnu::noinline]] inline void panel_times_tokens(const Panel& panel, const QuantizedRows& x, int64_t token, int64_t k_begin,
                                                 int n_blocks, int n_rows, float* y, int64_t y_stride) {
  float* out = y + token * y_stride;
  prefetch_tile<kTokens>(out, y_stride);
  FloatLanes sums[kTileVectors][kTokens];
#pragma GCC unroll 2
  for (int v = 0; v < kTileVectors; ++v) {
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) sums[v][t] = lanes_zero();
  }
#if defined(LUPO_SHORT_SUMS)
  if constexpr (kDigits == 2 || F::kAlwaysWords)
    multiply_tile_of_words<F, kDigits, kTokens>(panel, x, token, k_begin, n_blocks, sums);
  else
#endif
    multiply_tile<F, kDigits, kTokens>(panel, x, token, k_begin, n_blocks, sums);
  put_tile<kTokens>(sums, 0, n_rows, k_begin != 0, out, y_stride);
}

template <class F, int kDigits>
inline void panel_times_all(const Panel& panel, const QuantizedRows& x, int64_t k_begin, int n_blocks, int n_rows, float* y,
                            int64_t y_stride) {
  int64_t t = 0;
  for (; t + kTileTokens <= x.n_tokens; t += kTileTokens)
    panel_times_tokens<F, kDigits, kTileTokens>(panel, x, t, k_begin, n_blocks, n_rows, y, y_stride);
  for (; t + 2 <= x.n_tokens; t += 2) panel_times_tokens<F, kDigits, 2>(panel, x, t, k_begin, n_blocks, n_rows, y, y_stride);
  if (t < x.n_tokens) panel_times_tokens<F, kDigits, 1>(panel, x, t, k_begin, n_blocks, n_rows, y, y_stride);
}

#endif

template <class T>
inline void gemm(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride,
                 Panel& panel) {
  using Form = PanelForm<T::kGroup, T::kWide, kHasMin<T>, kKeepsOffset ? short_sums_of(T::kCodeMax) : 1>;
  const auto times_all = x.quantized.codes.n_digits == 2 ? panel_times_all<Form, 2> : panel_times_all<Form, 1>;
  for (int64_t row = row_begin; row < row_end; row += kPanelRows) {
    const int n_rows = row_end - row < kPanelRows ? static_cast<int>(row_end - row) : kPanelRows;
    for (int64_t k_begin = 0, k_end = 0; k_begin < w.k; k_begin = k_end) {
      k_end = w.k - k_begin < kPanelKMax ? w.k : k_begin + kPanelK;
      const int n_blocks = static_cast<int>((k_end - k_begin) / 32);
      fill_panel<T>(w, row, row_end, k_begin, n_blocks, panel);
#if defined(LUPO_SHORT_SUMS)
      if (Form::kAlwaysWords || x.quantized.codes.n_digits == 2) widen_panel<Form>(n_blocks, panel);
#endif
      times_all(panel, x.quantized, k_begin, n_blocks, n_rows, y + row, y_stride);
    }
  }
}

}  // namespace
}  // namespace lupo::cpu
