// Products of weights that are, or are decoded to, f32: F32, F16, BF16, and every other type through its reference decoder.
#pragma once

#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/backend/cpu/simd_block.h"

namespace lupo::cpu {
namespace {

inline constexpr int kFloatPanelK = 256;  // values; a multiple of every type's block
inline constexpr int kFloatPanelRows = 2 * kLanes;  // a multiple of 8
inline constexpr int kFloatTileTokens = kLanes == 16 ? 12 : 6;  // 24 sums of 32 registers; 12 of 16

// The first n values of a vector from p, zeros behind.
template <class Load>
inline FloatLanes load_some(int n, Load load_one) {
  float values[kLanes] = {};
  for (int i = 0; i < n; ++i) values[i] = load_one(i);
  return lanes_load(values);
}

struct SimdF32 {
  using Element = float;
  static FloatLanes load(const float* p) { return lanes_load(p); }
  static float one(const float* p) { return *p; }
};
struct SimdF16 {
  using Element = uint16_t;
  static FloatLanes load(const uint16_t* p) { return load_halves(p); }
  static float one(const uint16_t* p) { return half(*p); }
};
struct SimdBf16 {
  using Element = uint16_t;
  static FloatLanes load(const uint16_t* p) { return load_bf16(p); }
  static float one(const uint16_t* p) { return bf16_to_float(*p); }
};

// One row times kTokens tokens (x[t] are rows of k floats), added to y[t · y_stride]. A token's sum has the same order whatever
// kTokens is.
template <class T, int kTokens>
inline void float_row(const typename T::Element* w, int64_t k, const float* x, int64_t x_stride, float* y, int64_t y_stride,
                      bool add) {
  constexpr int kParts = 4;  // independent sums that hide the latency of FMA
  FloatLanes sums[kTokens][kParts];
  for (auto& of_token : sums) {
    for (FloatLanes& s : of_token) s = lanes_zero();
  }
  int64_t i = 0;
  for (; i + kParts * kLanes <= k; i += kParts * kLanes) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      const FloatLanes value = T::load(w + i + p * kLanes);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) sums[t][p] = fma(value, lanes_load(x + t * x_stride + i + p * kLanes), sums[t][p]);
    }
  }
  for (; i < k; i += kLanes) {
    const int n = k - i < kLanes ? static_cast<int>(k - i) : kLanes;
    const FloatLanes value = load_some(n, [&](int j) { return T::one(w + i + j); });
    for (int t = 0; t < kTokens; ++t) {
      const FloatLanes activation = load_some(n, [&](int j) { return x[t * x_stride + i + j]; });
      sums[t][0] = fma(value, activation, sums[t][0]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    FloatLanes all = sums[t][0];
    for (int p = 1; p < kParts; ++p) all = all + sums[t][p];
    y[t * y_stride] = (add ? y[t * y_stride] : 0) + sum(all);
  }
}

template <class T>
inline void float_row_times_tokens(const typename T::Element* w, int64_t k, const float* x, int64_t x_stride, int64_t n_tokens,
                                   float* y, int64_t y_stride, bool add) {
  int64_t t = 0;
  if constexpr (kLanes == 16)  // 16 sums of 32 registers
    for (; t + 4 <= n_tokens; t += 4) float_row<T, 4>(w, k, x + t * x_stride, x_stride, y + t * y_stride, y_stride, add);
  for (; t + 2 <= n_tokens; t += 2) float_row<T, 2>(w, k, x + t * x_stride, x_stride, y + t * y_stride, y_stride, add);
  if (t < n_tokens) float_row<T, 1>(w, k, x + t * x_stride, x_stride, y + t * y_stride, y_stride, add);
}

// panel: [kFloatPanelRows, k].
template <int kTokens>
[[gnu::noinline]] inline void float_tile(const float* panel, int64_t k, const float* x, int64_t x_stride, int n_rows, float* y,
                                         int64_t y_stride, bool add) {
  FloatLanes sums[2][kTokens];
#pragma GCC unroll 12
  for (int t = 0; t < kTokens; ++t) sums[0][t] = sums[1][t] = lanes_zero();
  for (int64_t i = 0; i < k; ++i) {
    const FloatLanes low = lanes_load(panel + i * kFloatPanelRows), high = lanes_load(panel + i * kFloatPanelRows + kLanes);
#pragma GCC unroll 12
    for (int t = 0; t < kTokens; ++t) {
      const FloatLanes value = lanes_broadcast(x[t * x_stride + i]);
      sums[0][t] = fma(low, value, sums[0][t]);
      sums[1][t] = fma(high, value, sums[1][t]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    float* out = y + t * y_stride;
    alignas(64) float values[kFloatPanelRows];
    lanes_store(values, sums[0][t]);
    lanes_store(values + kLanes, sums[1][t]);
    for (int r = 0; r < n_rows; ++r) out[r] = (add ? out[r] : 0) + values[r];
  }
}

inline void float_panel_times_tokens(const float* panel, int64_t k, const float* x, int64_t x_stride, int64_t n_tokens,
                                     int n_rows, float* y, int64_t y_stride, bool add) {
  int64_t t = 0;
  for (; t + kFloatTileTokens <= n_tokens; t += kFloatTileTokens) {
    float_tile<kFloatTileTokens>(panel, k, x + t * x_stride, x_stride, n_rows, y + t * y_stride, y_stride, add);
  }
  for (; t + 4 <= n_tokens; t += 4) float_tile<4>(panel, k, x + t * x_stride, x_stride, n_rows, y + t * y_stride, y_stride, add);
  for (; t < n_tokens; ++t) float_tile<1>(panel, k, x + t * x_stride, x_stride, n_rows, y + t * y_stride, y_stride, add);
}

// Eight columns of the panel from as many rows of n floats: panel[i, r] = values[r][i].
inline void set_columns(const float (&values)[8][kFloatPanelK], int64_t n, float* panel) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const F32x8 rows[8] = {load_8(values[0] + i), load_8(values[1] + i), load_8(values[2] + i), load_8(values[3] + i),
                           load_8(values[4] + i), load_8(values[5] + i), load_8(values[6] + i), load_8(values[7] + i)};
    store_transposed(rows, panel + i * kFloatPanelRows, kFloatPanelRows);
  }
  for (; i < n; ++i) {
    for (int r = 0; r < 8; ++r) panel[i * kFloatPanelRows + r] = values[r][i];
  }
}

// read(row, k_begin, n, out): values of a row as floats.
template <class Read>
inline void float_gemm(int64_t k, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride,
                       float* panel, Read read) {
  for (int64_t row = row_begin; row < row_end; row += kFloatPanelRows) {
    const int n_rows = row_end - row < kFloatPanelRows ? static_cast<int>(row_end - row) : kFloatPanelRows;
    for (int64_t k_begin = 0; k_begin < k; k_begin += kFloatPanelK) {
      const int64_t n = k - k_begin < kFloatPanelK ? k - k_begin : kFloatPanelK;
      alignas(64) float values[8][kFloatPanelK];
      for (int first = 0; first < kFloatPanelRows; first += 8) {
        for (int r = 0; r < 8; ++r) read(row + (first + r < n_rows ? first + r : n_rows - 1), k_begin, n, values[r]);
        set_columns(values, n, panel + first);
      }
      float_panel_times_tokens(panel, n, x.x + k_begin, k, x.n_tokens, n_rows, y + row, y_stride, k_begin != 0);
    }
  }
}

inline constexpr int64_t kFloatGemmTokens = 8;  // from here on a panel pays

template <class T>
inline void multiply_float(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y,
                           int64_t y_stride, void* scratch) {
  using Element = typename T::Element;
  const Element* weights = reinterpret_cast<const Element*>(w.data);
  if (x.n_tokens < kFloatGemmTokens) {
    for (int64_t row = row_begin; row < row_end; ++row) {
      float_row_times_tokens<T>(weights + row * w.k, w.k, x.x, w.k, x.n_tokens, y + row, y_stride, false);
    }
    return;
  }
  float_gemm(w.k, row_begin, row_end, x, y, y_stride, static_cast<float*>(scratch),
             [&](int64_t row, int64_t k_begin, int64_t n, float* out) {
               const Element* from = weights + row * w.k + k_begin;
               int64_t i = 0;
               for (; i + kLanes <= n; i += kLanes) lanes_store(out + i, T::load(from + i));
               for (; i < n; ++i) out[i] = T::one(from + i);
             });
}

// Any type with a reference decoder.
inline void multiply_by_reference(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y,
                                  int64_t y_stride, void* scratch) {
  const TypeInfo& type = type_info(w.type);
  const int64_t bytes_of_row = w.k / type.block_elements * type.block_bytes;
  const auto read = [&](int64_t row, int64_t k_begin, int64_t n, float* out) {
    type.to_float(w.data + row * bytes_of_row + k_begin / type.block_elements * type.block_bytes, out, n);
  };
  if (x.n_tokens >= kFloatGemmTokens) {
    float_gemm(w.k, row_begin, row_end, x, y, y_stride, static_cast<float*>(scratch), read);
    return;
  }
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t k_begin = 0; k_begin < w.k; k_begin += kFloatPanelK) {
      const int64_t n = w.k - k_begin < kFloatPanelK ? w.k - k_begin : kFloatPanelK;
      alignas(64) float values[kFloatPanelK];
      read(row, k_begin, n, values);
      float_row_times_tokens<SimdF32>(values, n, x.x + k_begin, w.k, x.n_tokens, y + row, y_stride, k_begin != 0);
    }
  }
}

}  // namespace
}  // namespace lupo::cpu
