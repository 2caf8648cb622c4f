// panel_times_all of matmul_gemm.h with the tile registers of AMX (Intel SDM volume 1, chapter 18): TDPBSSD takes the codes of
// tokens as they lie for its first operand, and those of a panel, four of each row together, for its second.
//
// Tiles 0 and 1 sum the products of the high or only digits with 16 rows of the panel each, 2 and 3 those of the low digits; 4
// and 5 hold the digits of the tokens, 6 and 7 the panel's codes.
// Included by matmul_gemm.h inside its namespace.
#pragma once

static_assert(kPanelRows == 32 && kActivationBias == 0);

// The operand of LDTILECFG.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

// Gives tiles 0 … 3 n_tokens rows of 16 sums, 4 and 5 n_tokens rows of `group` bytes, 6 and 7 16 columns of as many bytes, and
// clears them all.
inline void configure_tiles(int n_tokens, int group) {
  TileConfig config;
  for (int tile = 0; tile < 4; ++tile) {
    config.rows[tile] = static_cast<uint8_t>(n_tokens);
    config.row_bytes[tile] = 64;
  }
  for (int tile = 4; tile < 6; ++tile) {
    config.rows[tile] = static_cast<uint8_t>(n_tokens);
    config.row_bytes[tile] = static_cast<uint16_t>(group);
  }
  for (int tile = 6; tile < 8; ++tile) {
    config.rows[tile] = static_cast<uint8_t>(group / 4);
    config.row_bytes[tile] = 64;
  }
  __asm__ volatile("" : "+m"(config));  // g++ 12 takes it that _tile_loadconfig reads 8 bytes
  _tile_loadconfig(&config);
}

template <int kDigits, int kTokens>
struct alignas(64) TileSums {
  int32_t digit[kDigits][kTokens][kPanelRows];  // [kPanelRows, kTokens, kDigits]

  IntLanes at(int t, int v) const {
    const IntLanes first = int_load(digit[0][t] + v * kLanes);
    if constexpr (kDigits == 1) return first;
    return times_256(first) + int_load(digit[kDigits - 1][t] + v * kLanes);
  }
};

// The products of one group.
template <int kDigits, int kTokens>
[[gnu::always_inline]] inline void multiply_group(const int8_t* codes, const uint8_t* q, int64_t q_stride, int64_t k,
                                                  TileSums<kDigits, kTokens>& sums) {
  constexpr int kRowBytes = 4 * kPanelRows;
  _tile_loadd(4, q, q_stride);
  _tile_loadd(6, codes, kRowBytes);
  _tile_loadd(7, codes + 64, kRowBytes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_dpbssd(0, 4, 6);
  _tile_dpbssd(1, 4, 7);
  if constexpr (kDigits == 2) {
    _tile_loadd(5, q + k, q_stride);
    _tile_zero(2);
    _tile_zero(3);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
    _tile_stored(2, sums.digit[1], kRowBytes);
    _tile_stored(3, sums.digit[1][0] + kLanes, kRowBytes);
  }
  _tile_stored(0, sums.digit[0], kRowBytes);
  _tile_stored(1, sums.digit[0][0] + kLanes, kRowBytes);
}

// Tokens token … token + kTokens − 1, of which `done` are put already.
template <class F, int kDigits, int kTokens>
[[gnu::noinline]] inline void panel_times_tokens(const Panel& panel, const QuantizedRows& x, int64_t token, int done,
                                                 int64_t k_begin, int n_blocks, int n_rows, float* y, int64_t y_stride) {
  constexpr int kGroupsOfBlock = 32 / F::kGroup;
  float* out = y + token * y_stride;
  prefetch_tile<kTokens>(out, y_stride);
  const uint8_t* q = x.q + token * kDigits * x.k + k_begin;
  const float* da = x.d + (token * x.k + k_begin) / 32;
  const float* minima = F::kGroup == 32 ? x.sums + (token * x.k + k_begin) / 32 : x.sums_16 + (token * x.k + k_begin) / 16;
  const int64_t d_stride = x.k / 32, min_stride = x.k / F::kGroup;
  FloatLanes sums[kTileVectors][kTokens];
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) sums[0][t] = sums[1][t] = lanes_zero();
  TileSums<kDigits, kTokens> products;
  __asm__ volatile("" ::: "memory");  // g++ does not know that _tile_loadd reads memory
  for (int g = 0; g < n_blocks * kGroupsOfBlock; ++g, q += F::kGroup) {
    multiply_group(panel.codes + static_cast<int64_t>(g) * F::kGroup * kPanelRows, q, kDigits * x.k, x.k, products);
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; ++v) {
      const int64_t at = static_cast<int64_t>(g) * kPanelRows + v * kLanes;
      const FloatLanes d = lanes_load(panel.d + at);
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        const FloatLanes scale = d * lanes_broadcast(da[t * d_stride + g / kGroupsOfBlock]);
        sums[v][t] = fma(to_float(products.at(t, v)), scale, sums[v][t]);
      }
      if constexpr (F::kMin) {
        const FloatLanes m = lanes_load(panel.m + at);
#pragma GCC unroll 16
        for (int t = 0; t < kTokens; ++t) sums[v][t] = fma(m, lanes_broadcast(minima[t * min_stride + g]), sums[v][t]);
      }
    }
  }
  put_tile<kTokens>(sums, done, n_rows, k_begin != 0, out, y_stride);
}

// Tokens from t on by tiles of kTokens, until at most n_fewer are left for a smaller tile. The last tile has kTokens as well, the
// first of which are multiplied again.
template <class F, int kDigits, int kTokens>
inline void panel_times_many(const Panel& panel, const QuantizedRows& x, int64_t n_fewer, int64_t k_begin, int n_blocks,
                             int n_rows, float* y, int64_t y_stride, int64_t& t) {
  if (x.n_tokens < kTokens || x.n_tokens - t <= n_fewer) return;
  configure_tiles(kTokens, F::kGroup);
  while (x.n_tokens - t > n_fewer) {
    const int64_t from = t + kTokens <= x.n_tokens ? t : x.n_tokens - kTokens;
    panel_times_tokens<F, kDigits, kTokens>(panel, x, from, static_cast<int>(t - from), k_begin, n_blocks, n_rows, y, y_stride);
    t = from + kTokens;
  }
}

template <class F, int kDigits>
inline void panel_times_all(const Panel& panel, const QuantizedRows& x, int64_t k_begin, int n_blocks, int n_rows, float* y,
                            int64_t y_stride) {
  int64_t t = 0;
  panel_times_many<F, kDigits, 12>(panel, x, 8, k_begin, n_blocks, n_rows, y, y_stride, t);  // 24 float sums of 32 registers
  panel_times_many<F, kDigits, 8>(panel, x, kFewTokensCoarse, k_begin, n_blocks, n_rows, y, y_stride, t);
  panel_times_many<F, kDigits, kFewTokensCoarse>(panel, x, 0, k_begin, n_blocks, n_rows, y, y_stride, t);
  _tile_release();
}
