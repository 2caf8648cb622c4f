// The inner loop of small matrix products over Vec: a few rows of one matrix, spread over the lanes, times a panel of another.
// Parsed by the isa/*.cpp files alone, after the target pragma.
#pragma once

#include "runtime/backend/cpu/simd_float.h"

namespace lupo::cpu {
namespace {
namespace simd {

constexpr int64_t kPanelColumns = 2 * W;       // of a panel [kPanelColumns, n]
constexpr int kProductRows = W == 16 ? 8 : 4;  // enough sums to hide the latency, few enough for the registers
typedef Vec ProductTile[kProductRows][2];

// sum[r] += Σ_l a[r · a_row + l · a_col] · panel[l]
inline void add_products(const float* a, int64_t a_row, int64_t a_col, const float* panel, int64_t n_inner, ProductTile& sum) {
  for (int64_t l = 0; l < n_inner; ++l, a += a_col, panel += kPanelColumns) {
    const Vec left = load(panel), right = load(panel + W);
    for (int r = 0; r < kProductRows; ++r) {
      const Vec value = splat(a[r * a_row]);
      sum[r][0] = fma(value, left, sum[r][0]);
      sum[r][1] = fma(value, right, sum[r][1]);
    }
  }
}

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
