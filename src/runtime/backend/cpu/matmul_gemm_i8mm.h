// panel_times_all of matmul_gemm.h with SMMLA of Armv8.6-A, which multiplies two rows by two tokens, eight codes of each, into
// lanes r0t0 r0t1 r1t0 r1t1. A panel has its codes in the order [8, kPanelRows, K/8]. Included by matmul_gemm.h inside its
// namespace.
#pragma once

static_assert(kPanelRows == 8 && kTileVectors == 2 && kActivationBias == 0);

inline constexpr int kRowPairs = kPanelRows / 2;

// One digit of one group: sums + codes · q, for pairs of rows and of tokens.
template <class F, int kPairs>
[[gnu::always_inline]] inline void add_group(const int8_t* codes, const uint8_t* q, int64_t q_stride,
                                             int32x4_t (&sums)[kRowPairs][kPairs]) {
#pragma GCC unroll 4
  for (int e = 0; e < F::kGroup / 8; ++e) {
    int8x16_t w[kRowPairs];
#pragma GCC unroll 4
    for (int i = 0; i < kRowPairs; ++i) w[i] = vld1q_s8(codes + 8 * e * kPanelRows + 16 * i);
#pragma GCC unroll 2
    for (int j = 0; j < kPairs; ++j) {
      const uint8_t* two = q + 2 * j * q_stride + 8 * e;
      const int8x16_t tokens = vreinterpretq_s8_u8(vcombine_u8(vld1_u8(two), vld1_u8(two + q_stride)));
#pragma GCC unroll 4
      for (int i = 0; i < kRowPairs; ++i) sums[i][j] = vmmlaq_s32(sums[i][j], w[i], tokens);
    }
  }
}

// sums + products · values of the rows (each twice) · values of the tokens, at[0] and at[stride] of the first pair.
template <int kPairs, class Product>
[[gnu::always_inline]] inline void add_scaled(const float* rows, const float* at, int64_t stride, Product product,
                                              float32x4_t (&sums)[kRowPairs][kPairs]) {
  const float32x4_t first = vld1q_f32(rows), second = vld1q_f32(rows + 4);
  const float32x4_t twice[kRowPairs] = {vzip1q_f32(first, first), vzip2q_f32(first, first), vzip1q_f32(second, second),
                                        vzip2q_f32(second, second)};
#pragma GCC unroll 2
  for (int j = 0; j < kPairs; ++j) {
    const float a = at[2 * j * stride], b = at[(2 * j + 1) * stride];
    const float32x4_t tokens{a, b, a, b};
#pragma GCC unroll 4
    for (int i = 0; i < kRowPairs; ++i) sums[i][j] = product(sums[i][j], vmulq_f32(twice[i], tokens), i, j);
  }
}

// 2 · kPairs tokens from `token` on, of which `done` are put already.
template <class F, int kDigits, int kPairs>
[[gnu::noinline]] inline void panel_times_tokens(const Panel& panel, const QuantizedRows& x, int64_t token, int done,
                                                 int64_t k_begin, int n_blocks, int n_rows, float* y, int64_t y_stride) {
  constexpr int kGroupsOfBlock = 32 / F::kGroup;
  float* out = y + token * y_stride;
  prefetch_tile<2 * kPairs>(out, y_stride);
  const int64_t q_stride = kDigits * x.k, d_stride = x.k / 32, min_stride = x.k / F::kGroup;
  const uint8_t* q = x.q + token * q_stride + k_begin;
  const float* da = x.d + (token * x.k + k_begin) / 32;
  const float* minima = F::kGroup == 32 ? x.sums + (token * x.k + k_begin) / 32 : x.sums_16 + (token * x.k + k_begin) / 16;
  const int8_t* codes = panel.codes;
  float32x4_t sums[kRowPairs][kPairs] = {};
  for (int g = 0; g < n_blocks * kGroupsOfBlock; ++g, codes += F::kGroup * kPanelRows, q += F::kGroup) {
    int32x4_t products[kRowPairs][kPairs] = {};
    add_group<F, kPairs>(codes, q, q_stride, products);
    if constexpr (kDigits == 2) {
      for (auto& row : products) {
        for (int32x4_t& p : row) p = vshlq_n_s32(p, 8);
      }
      add_group<F, kPairs>(codes, q + x.k, q_stride, products);
    }
    add_scaled<kPairs>(
        panel.d + g * kPanelRows, da + g / kGroupsOfBlock, d_stride,
        [&](float32x4_t sum, float32x4_t scale, int i, int j) { return vfmaq_f32(sum, vcvtq_f32_s32(products[i][j]), scale); },
        sums);
    if constexpr (F::kMin) {
      add_scaled<kPairs>(
          panel.m + g * kPanelRows, minima + g, min_stride,
          [](float32x4_t sum, float32x4_t minimum, int, int) { return vaddq_f32(sum, minimum); }, sums);
    }
  }
  FloatLanes tile[kTileVectors][2 * kPairs];
  for (int v = 0; v < kTileVectors; ++v) {
    for (int j = 0; j < kPairs; ++j) {
      tile[v][2 * j] = {vuzp1q_f32(sums[2 * v][j], sums[2 * v + 1][j])};
      tile[v][2 * j + 1] = {vuzp2q_f32(sums[2 * v][j], sums[2 * v + 1][j])};
    }
  }
  put_tile<2 * kPairs>(tile, done, n_rows, k_begin != 0, out, y_stride);
}

// An odd last token is multiplied together with the one before it, again.
template <class F, int kDigits>
inline void panel_times_all(const Panel& panel, const QuantizedRows& x, int64_t k_begin, int n_blocks, int n_rows, float* y,
                            int64_t y_stride) {
  static_assert(kFewTokensCoarse >= 2);
  int64_t t = 0;
  for (; t + 4 <= x.n_tokens; t += 4)
    panel_times_tokens<F, kDigits, 2>(panel, x, t, 0, k_begin, n_blocks, n_rows, y, y_stride);
  for (; t < x.n_tokens; t += 2) {
    const int64_t from = t + 2 <= x.n_tokens ? t : t - 1;
    panel_times_tokens<F, kDigits, 1>(panel, x, from, static_cast<int>(t - from), k_begin, n_blocks, n_rows, y, y_stride);
  }
}
