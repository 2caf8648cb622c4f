// stream of AttendKernels for one token with many rows, as latent attention has: each key serves so many heads that the work is
// arithmetic. Blocks of keys are decoded to f32 once; panels of rows, in the lanes, are multiplied with them as small matrix
// products. Parsed by the
// isa/*.cpp files alone, after the target pragma.
#pragma once

#include "runtime/backend/cpu/attend-inl.h"
#include "runtime/backend/cpu/products-inl.h"

namespace lupo::cpu {
namespace {
namespace simd {

constexpr int64_t kInnerOfPart = 192;  // of q: the part of a panel stays in the first-level cache while the keys go by

// The buffers of one token's rows, cut from the scratch of a tile. Rows, a multiple of kPanelColumns, lie in panels.
struct WideRows {
  int64_t n_panels, width, width_v;  // of keys and values, padded
  float* q;                          // [kPanelColumns, D, n_panels]
  float* out;                        // [kPanelColumns, Dvp, n_panels]
  float *top, *sum;                  // [kPanelColumns, n_panels]
  float* scores;                     // [kPanelColumns, kBlockKeys] of one panel
  float *keys, *values;              // [Dp, kBlockKeys], [Dvp, kBlockKeys]

  WideRows(const AttendTask& task, float* scratch)
      : n_panels(task.n_rep / kPanelColumns), width(padded_width(task.k.width)), width_v(padded_width(task.v.width)) {
    const auto take = [&scratch](int64_t size) { return scratch += size, scratch - size; };
    q = take(kPanelColumns * width * n_panels);
    out = take(kPanelColumns * width_v * n_panels);
    top = take(kPanelColumns * n_panels);
    sum = take(kPanelColumns * n_panels);
    scores = take(kPanelColumns * kBlockKeys);
    keys = take(width * kBlockKeys);
    values = scratch;
  }
};

// Scores of a panel's rows and the keys of a block.
inline void wide_scores(const AttendTask& task, KeyBlock block, const WideRows& rows, const float* q) {
  for (int64_t begin = 0; begin < task.k.width; begin += kInnerOfPart) {
    const int64_t left = task.k.width - begin, n_inner = left < kInnerOfPart ? left : kInnerOfPart;
    for (int64_t j = 0; j < block.size(); j += kProductRows) {
      float* scores = rows.scores + j * kPanelColumns;
      ProductTile sum = {};
      if (begin > 0)
        for (int r = 0; r < kProductRows; ++r)
          for (int n = 0; n < 2; ++n) sum[r][n] = load(scores + r * kPanelColumns + n * W);
      add_products(rows.keys + j * rows.width + begin, rows.width, 1, q + begin * kPanelColumns, n_inner, sum);
      for (int r = 0; r < kProductRows; ++r)
        for (int n = 0; n < 2; ++n) store(scores + r * kPanelColumns + n * W, sum[r][n]);
    }
  }
}

// Softcap and ALiBi of W rows from `row` on.
inline void bend_scores(const AttendTask& task, KeyBlock block, int64_t row, float* scores) {
  Vec slope{};
  for (int64_t lane = 0; task.slopes && lane < W; ++lane) slope[lane] = task.slopes[row + lane];
  for (int64_t j = 0; j < block.size(); ++j, scores += kPanelColumns) {
    const float away = static_cast<float>(block.begin + j - task.pos);
    const Vec score = load(scores), bent = task.softcap > 0 ? splat(task.softcap) * tanh(score) : score;
    store(scores, bent - slope * splat(away < 0 ? -away : away));
  }
}

// W rows' scores become weights relative to their new maximum; gives what their older sums are to be multiplied with.
inline Vec soften_rows(KeyBlock block, float* scores, float* top, float* sum) {
  const Vec old_top = load(top);
  Vec new_top = old_top, total{};
  for (int64_t j = 0; j < block.size(); ++j) new_top = greater_of(load(scores + j * kPanelColumns), new_top);
  for (int64_t j = 0; j < block.size(); ++j) {
    const Vec weight = exp(load(scores + j * kPanelColumns) - new_top);
    store(scores + j * kPanelColumns, weight);
    total += weight;
  }
  const Vec alpha = exp(old_top - new_top);
  store(top, new_top);
  store(sum, fma(load(sum), alpha, total));
  return alpha;
}

inline void wide_values(const AttendTask& task, KeyBlock block, const WideRows& rows, const float* values, int64_t stride,
                        const Vec (&alpha)[2], float* out) {
  for (int64_t i = 0; i < task.v.width; i += kProductRows) {
    ProductTile sum;
    float* at = out + i * kPanelColumns;
    for (int r = 0; r < kProductRows; ++r)
      for (int n = 0; n < 2; ++n) sum[r][n] = load(at + r * kPanelColumns + n * W) * alpha[n];
    add_products(values + i, 1, stride, rows.scores, block.size(), sum);
    for (int r = 0; r < kProductRows; ++r)
      for (int n = 0; n < 2; ++n) store(at + r * kPanelColumns + n * W, sum[r][n]);
  }
}

inline void begin_wide(const AttendTask& task, const WideRows& rows) {
  for (int64_t m = 0; m < task.n_rep; ++m) {
    float* q = rows.q + m / kPanelColumns * kPanelColumns * rows.width + m % kPanelColumns;
    for (int64_t i = 0; i < task.k.width; ++i) q[i * kPanelColumns] = task.q[m * rows.width + i];
    rows.top[m] = kScoreMin;
    rows.sum[m] = 0;
  }
  __builtin_memset(rows.out, 0, static_cast<size_t>(task.n_rep * rows.width_v) * sizeof(float));
}

inline void end_wide(const AttendTask& task, const WideRows& rows, float* partial) {
  static_assert(kPanelColumns % 8 == 0);  // padded_rows adds none
  float* to = partial + 2 * task.n_rep;
  for (int64_t m = 0; m < task.n_rep; ++m, to += rows.width_v) {
    const float* out = rows.out + m / kPanelColumns * kPanelColumns * rows.width_v + m % kPanelColumns;
    for (int64_t i = 0; i < rows.width_v; ++i) to[i] = i < task.v.width ? out[i * kPanelColumns] : 0.0f;
    partial[m] = rows.top[m];
    partial[task.n_rep + m] = rows.sum[m];
  }
}

inline void stream_wide(const AttendTask& task, float* partial, float* scratch) {
  const WideRows rows(task, scratch);
  // Latent attention has its values in the first part of its keys.
  const bool same = task.k.data == task.v.data && task.k.cell_bytes == task.v.cell_bytes && task.k.n_cells == task.v.n_cells;
  begin_wide(task, rows);
  for (int64_t key = task.key_begin; key < task.key_end;) {
    const KeyBlock block = block_at(task, key);
    decode_cells(task.k, block, rows.keys);
    if (!same) decode_cells(task.v, block, rows.values);
    for (int64_t p = 0; p < rows.n_panels; ++p) {
      wide_scores(task, block, rows, rows.q + p * kPanelColumns * rows.width);
      Vec alpha[2];
      for (int n = 0; n < 2; ++n) {
        const int64_t row = p * kPanelColumns + n * W;
        if (task.softcap > 0 || task.slopes) bend_scores(task, block, row, rows.scores + n * W);
        alpha[n] = soften_rows(block, rows.scores + n * W, rows.top + row, rows.sum + row);
      }
      wide_values(task, block, rows, same ? rows.keys : rows.values, same ? rows.width : rows.width_v, alpha,
                  rows.out + p * kPanelColumns * rows.width_v);
    }
    key = block.end;
  }
  end_wide(task, rows, partial);
}

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
