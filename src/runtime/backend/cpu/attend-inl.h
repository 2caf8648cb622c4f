// The functions of AttendKernels over Vec. Parsed by the isa/*.cpp files alone, after the target pragma.
#pragma once

#include "runtime/backend/cpu/simd_float.h"

namespace lupo::cpu {
namespace {
namespace simd {

// One of these for each cell type. at(row, i): W values of a row from element i on, a multiple of W; part: the first n < W of
// them (the types in blocks have none, since 32 is a multiple of W). Where kScaled, at() leaves out the factor scale(row, i),
// which the 32 values around i share.
struct F32Cell {
  static constexpr bool kScaled = false;
  static Vec at(const std::byte* row, int64_t i) { return load(reinterpret_cast<const float*>(row) + i); }
  static Vec part(const std::byte* row, int64_t i, int64_t n) { return load_part(reinterpret_cast<const float*>(row) + i, n); }
};
struct F16Cell {
  static constexpr bool kScaled = false;
  static Vec at(const std::byte* row, int64_t i) { return load_half(reinterpret_cast<const uint16_t*>(row) + i); }
  static Vec part(const std::byte* row, int64_t i, int64_t n) {
    Vec v{};
    for (int64_t lane = 0; lane < n; ++lane) v[lane] = half_value(reinterpret_cast<const uint16_t*>(row)[i + lane]);
    return v;
  }
};
struct Bf16Cell {
  static constexpr bool kScaled = false;
  static Vec at(const std::byte* row, int64_t i) { return load_bfloat(reinterpret_cast<const uint16_t*>(row) + i); }
  static Vec part(const std::byte* row, int64_t i, int64_t n) {
    VecI v{};
    for (int64_t lane = 0; lane < n; ++lane) v[lane] = reinterpret_cast<const uint16_t*>(row)[i + lane] << 16;
    return (Vec)v;
  }
};
inline float scale_of_block(const std::byte* block) {
  uint16_t scale;
  __builtin_memcpy(&scale, block, sizeof scale);
  return half_value(scale);
}
// 32 values: half d, int8 q[32]; value = d · q.
struct Q8Cell {
  static constexpr bool kScaled = true;
  static float scale(const std::byte* row, int64_t i) { return scale_of_block(row + i / 32 * 34); }
  static Vec at(const std::byte* row, int64_t i) {
    return to_float(widen_i8(reinterpret_cast<const int8_t*>(row + i / 32 * 34) + 2 + i % 32));
  }
  static Vec part(const std::byte*, int64_t, int64_t) { return Vec{}; }
};
// 32 values: half d, 16 bytes; byte j holds value j in its low and value j + 16 in its high half; value = d · (q − 8).
struct Q4Cell {
  static constexpr bool kScaled = true;
  static float scale(const std::byte* row, int64_t i) { return scale_of_block(row + i / 32 * 18); }
  static Vec at(const std::byte* row, int64_t i) {
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(row + i / 32 * 18) + 2;
    return to_float((widen_u8(codes + i % 16) >> (i % 32 / 16 * 4) & 15) - 8);
  }
  static Vec part(const std::byte*, int64_t, int64_t) { return Vec{}; }
};

// Calls body(Cell{}) with the struct of the type.
template <class Body>
inline void with_cell(Type type, Body body) {
  switch (type) {
    case Type::f16: return body(F16Cell{});
    case Type::bf16: return body(Bf16Cell{});
    case Type::q8_0: return body(Q8Cell{});
    case Type::q4_0: return body(Q4Cell{});
    default: return body(F32Cell{});
  }
}

void store_cell(const float* x, int64_t n, Type type, std::byte* cell) {
  auto* words = reinterpret_cast<uint16_t*>(cell);
  if (type == Type::f16) {
    int64_t i = 0;
#if defined(LUPO_SIMD_512) || defined(LUPO_SIMD_256)
    for (; i + 8 <= n; i += 8)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(words + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; ++i) words[i] = half_bits(x[i]);
  } else if (type == Type::bf16) {
    for (int64_t i = 0; i < n; ++i) words[i] = bfloat_bits(x[i]);
  } else {
    __builtin_memcpy(cell, x, static_cast<size_t>(n) * sizeof(float));
  }
}

// Keys [begin, end) lie in consecutive cells.
struct KeyBlock {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// The block at `begin`: at most kBlockKeys keys, cut where a ring wraps.
inline KeyBlock block_at(const AttendTask& task, int64_t begin) {
  int64_t size = task.key_end - begin;
  for (int64_t room : {kBlockKeys, task.k.n_cells - begin % task.k.n_cells, task.v.n_cells - begin % task.v.n_cells})
    size = room < size ? room : size;
  return {begin, begin + size};
}

inline const std::byte* cell_of(const Cells& cells, int64_t position) {
  return cells.data + position % cells.n_cells * cells.cell_bytes;
}

// Lower than any score, yet finite, so that maximum − maximum is a number.
constexpr float kScoreMin = -1e30f;

// scores[m · kBlockKeys + j] = q[m] · k[j] for M rows of the group and K keys, which lie k.cell_bytes apart from `row` on. q:
// [Dp, M].
template <class Cell, int M, int K>
[[gnu::always_inline]] inline void scores_of_keys(const Cells& k, const std::byte* row, const float* q, float* scores) {
  constexpr int64_t kStep = Cell::kScaled ? 32 : W;
  const int64_t width = k.width, stride = padded_width(width), whole = width / kStep * kStep;
  Vec sum[K * M]{};
  for (int64_t begin = 0; begin < whole; begin += kStep) {
    [[maybe_unused]] Vec scale[K];
    if constexpr (Cell::kScaled)
      for (int j = 0; j < K; ++j) scale[j] = splat(Cell::scale(row + j * k.cell_bytes, begin));
    for (int64_t i = begin; i < begin + kStep; i += W)
      for (int j = 0; j < K; ++j) {
        Vec key = Cell::at(row + j * k.cell_bytes, i);
        if constexpr (Cell::kScaled) key *= scale[j];
        for (int m = 0; m < M; ++m) sum[j * M + m] = fma(key, load(q + m * stride + i), sum[j * M + m]);
      }
  }
  for (int j = 0; whole < width && j < K; ++j) {
    const Vec key = Cell::part(row + j * k.cell_bytes, whole, width - whole);
    for (int m = 0; m < M; ++m) sum[j * M + m] = fma(key, load(q + m * stride + whole), sum[j * M + m]);
  }
  float sums[K * M];
  sum_lanes<K * M>(sum, sums);
  for (int j = 0; j < K; ++j)
    for (int m = 0; m < M; ++m) scores[m * kBlockKeys + j] = sums[j * M + m];
}

// Several keys at once pay for a single row, which has one sum to wait for.
template <class Cell, int M>
inline void stream_scores(const Cells& k, KeyBlock block, const float* q, float* scores) {
  constexpr int K = M == 1 ? 8 : 1;
  const std::byte* row = cell_of(k, block.begin);
  int64_t j = 0;
  for (; j + K <= block.size(); j += K) scores_of_keys<Cell, M, K>(k, row + j * k.cell_bytes, q, scores + j);
  if constexpr (K > 1)
    for (; j < block.size(); ++j) scores_of_keys<Cell, M, 1>(k, row + j * k.cell_bytes, q, scores + j);
}

// out[m] = out[m] · alpha[m] + Σ_j weights[m][j] · v[j], N vectors of each row at element i.
template <class Cell, int M, int N>
inline void stream_values_at(const Cells& v, KeyBlock block, const float* weights, const float* alpha, int64_t i, int64_t n_part,
                             float* out) {
  const int64_t stride = padded_width(v.width);
  Vec sum[M][N];
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) sum[m][n] = load(out + m * stride + i + n * W) * splat(alpha[m]);
  const std::byte* row = cell_of(v, block.begin);
  for (int64_t j = 0; j < block.size(); ++j, row += v.cell_bytes)
    for (int n = 0; n < N; ++n) {
      const Vec value = n_part > 0 ? Cell::part(row, i + n * W, n_part) : Cell::at(row, i + n * W);
      for (int m = 0; m < M; ++m) sum[m][n] = fma(splat(weights[m * kBlockKeys + j]), value, sum[m][n]);
    }
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) store(out + m * stride + i + n * W, sum[m][n]);
}

template <class Cell, int M>
inline void stream_values(const Cells& v, KeyBlock block, const float* weights, const float* alpha, float* out) {
  constexpr int N = M <= 4 || W == 16 ? 2 : 1;  // 16 sums do not fit into 16 registers
  int64_t i = 0;
  for (; i + N * W <= v.width; i += N * W) stream_values_at<Cell, M, N>(v, block, weights, alpha, i, 0, out);
  for (; i + W <= v.width; i += W) stream_values_at<Cell, M, 1>(v, block, weights, alpha, i, 0, out);
  if (i < v.width) stream_values_at<Cell, M, 1>(v, block, weights, alpha, i, v.width - i, out);
}

// The same of a type in blocks: the scale of 32 values of a key goes into the key's weights, in `scaled` [kBlockKeys, M + 1].
template <class Cell, int M>
inline void stream_scaled_values(const Cells& v, KeyBlock block, const float* weights, const float* alpha, float* out,
                                 float* scaled) {
  constexpr int N = M <= 4 || W == 16 ? 2 : 1;
  float* scales = scaled + M * kBlockKeys;
  const int64_t n_keys = block.size();
  for (int64_t begin = 0; begin < v.width; begin += 32) {
    const std::byte* row = cell_of(v, block.begin);
    for (int64_t j = 0; j < n_keys; ++j) scales[j] = Cell::scale(row + j * v.cell_bytes, begin);
    for (int m = 0; m < M; ++m) {
      const auto times = [&](Vec weight, Vec scale) { return weight * scale; };
      map(scaled + m * kBlockKeys, n_keys, times, weights + m * kBlockKeys, scales);
    }
    for (int64_t i = begin; i < begin + 32; i += N * W) stream_values_at<Cell, M, N>(v, block, scaled, alpha, i, 0, out);
  }
}

// n scores become weights relative to the row's new maximum; gives what the row's older sums are to be multiplied with.
inline float soften(float* scores, int64_t n, float softcap, float& top, float& sum) {
  const int64_t padded = (n + W - 1) / W * W;  // kBlockKeys is a multiple of W
  if (softcap > 0)
    map(
        scores, n, [c = splat(softcap)](Vec s) { return c * tanh(s); }, scores);
  for (int64_t j = n; j < padded; ++j) scores[j] = -kInfinity;
  Vec block_top = splat(top);
  for (int64_t j = 0; j < padded; j += W) block_top = greater_of(load(scores + j), block_top);
  const float new_top = max_lanes(block_top);
  Vec total{};
  for (int64_t j = 0; j < padded; j += W) {
    const Vec weight = exp(load(scores + j) - splat(new_top));
    store(scores + j, weight);
    total += weight;
  }
  const float alpha = exp(splat(top - new_top))[0];
  top = new_top;
  sum = sum * alpha + sum_lanes(total);
  return alpha;
}

// M rows of the group from `row` on; their part of the keys' block.
template <int M>
inline void stream_block(const AttendTask& task, KeyBlock block, int64_t row, float* partial, float* scores) {
  const int64_t n_rows = padded_rows(task.n_rep);
  float *top = partial + row, *sum = partial + n_rows + row, *out = partial + 2 * n_rows + row * padded_width(task.v.width);
  float alpha[M];
  with_cell(task.k.type, [&](auto cell) {
    stream_scores<decltype(cell), M>(task.k, block, task.q + row * padded_width(task.k.width), scores);
  });
  for (int64_t m = 0; task.slopes && m < M && row + m < task.n_rep; ++m)
    for (int64_t j = 0; j < block.size(); ++j) {
      const float away = static_cast<float>(block.begin + j - task.pos);
      scores[m * kBlockKeys + j] -= task.slopes[row + m] * (away < 0 ? -away : away);
    }
  for (int m = 0; m < M; ++m) alpha[m] = soften(scores + m * kBlockKeys, block.size(), task.softcap, top[m], sum[m]);
  with_cell(task.v.type, [&](auto cell) {
    using Cell = decltype(cell);
    if constexpr (Cell::kScaled)
      stream_scaled_values<Cell, M>(task.v, block, scores, alpha, out, scores + M * kBlockKeys);
    else
      stream_values<Cell, M>(task.v, block, scores, alpha, out);
  });
}

void stream(const AttendTask& task, float* partial, float* scratch) {
  const int64_t n_rows = padded_rows(task.n_rep), n_floats = partial_floats(task.n_rep, task.v.width);
  for (int64_t i = 0; i < n_floats; ++i) partial[i] = i < n_rows ? kScoreMin : 0.0f;
  for (int64_t key = task.key_begin; key < task.key_end;) {
    const KeyBlock block = block_at(task, key);
    if (n_rows == 1)
      stream_block<1>(task, block, 0, partial, scratch);
    else if (n_rows == 2)
      stream_block<2>(task, block, 0, partial, scratch);
    else if (n_rows == 4)
      stream_block<4>(task, block, 0, partial, scratch);
    else
      for (int64_t row = 0; row < n_rows; row += 8) stream_block<8>(task, block, row, partial, scratch);
    key = block.end;
  }
}

void merge(const float* partials, int64_t n_parts, int64_t stride, int64_t n_rep, int64_t head_dim_v, const float* sinks,
           float* out) {
  const int64_t n_rows = padded_rows(n_rep), width = padded_width(head_dim_v);
  for (int64_t r = 0; r < n_rep; ++r) {
    float top = sinks ? sinks[r] : kScoreMin;
    for (int64_t i = 0; i < n_parts; ++i) top = partials[i * stride + r] > top ? partials[i * stride + r] : top;
    float total = sinks ? exp(splat(sinks[r] - top))[0] : 0.0f;
    for (int64_t i = 0; i < n_parts; ++i)
      total += partials[i * stride + n_rows + r] * exp(splat(partials[i * stride + r] - top))[0];
    for (int64_t i = 0; i < n_parts; ++i) {
      const Vec factor = exp(splat(partials[i * stride + r] - top)) / splat(total);
      const float* part = partials + i * stride + 2 * n_rows + r * width;
      float* row = out + r * head_dim_v;
      if (i == 0)
        map(
            row, head_dim_v, [=](Vec p) { return p * factor; }, part);
      else
        map(
            row, head_dim_v, [=](Vec p, Vec o) { return fma(p, factor, o); }, part, row);
    }
  }
}

// c[i][m] = c[i][m] · factor[m] + Σ_l a[i · a_row + l · a_col] · b[l][m] for R rows i and N vectors of m; factor null: from 0.
// b and c have rows of kTileRows floats.
template <int R, int N>
inline void product_block(const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t n_inner, const float* factor,
                          float* c) {
  Vec sum[R][N]{};
  if (factor)
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < N; ++n) sum[r][n] = load(c + r * kTileRows + n * W) * load(factor + n * W);
  for (int64_t l = 0; l < n_inner; ++l) {
    Vec column[N];
    for (int n = 0; n < N; ++n) column[n] = load(b + l * kTileRows + n * W);
    for (int r = 0; r < R; ++r) {
      const Vec value = splat(a[r * a_row + l * a_col]);
      for (int n = 0; n < N; ++n) sum[r][n] = fma(value, column[n], sum[r][n]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int n = 0; n < N; ++n) store(c + r * kTileRows + n * W, sum[r][n]);
}

// The same for n_rows rows, a multiple of 4, and n_columns lanes, a multiple of W. With 16 registers 12 accumulators hide the
// latency where 8 just do not.
inline void product(const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t n_inner, const float* factor, float* c,
                    int64_t n_rows, int64_t n_columns) {
  constexpr int kWide = W == 16 ? 4 : 2, kTall = W == 8 ? 6 : 4;
  for (int64_t m = 0; m < n_columns;) {
    const bool wide = n_columns - m >= kWide * W;
    const int64_t tall_end = wide ? n_rows / (2 * kTall) * (2 * kTall) : 0;  // a multiple of 4, too
    for (int64_t i = 0; i < n_rows;) {
      const bool tall = i < tall_end;
      const auto block = tall ? product_block<kTall, kWide> : wide ? product_block<4, kWide> : product_block<4, 1>;
      block(a + i * a_row, a_row, a_col, b + m, n_inner, factor ? factor + m : nullptr, c + i * kTileRows + m);
      i += tall ? kTall : 4;
    }
    m += wide ? kWide * W : W;
  }
}

// The buffers of one tile, cut from its scratch. A "lane" is a row of the task.
struct Tile {
  float* q;                  // [kTileRows, D]
  float* keys;               // [Dp, kBlockKeys]
  float* values;             // [Dvp, kBlockKeys]
  float* scores;             // [kTileRows, kBlockKeys]
  float* out;                // [kTileRows, Dvp]
  float *top, *sum, *alpha;  // [kTileRows]
  int64_t n_lanes;           // M, a multiple of W

  Tile(const AttendTask& task, float* scratch) : n_lanes((task.n_rows + W - 1) / W * W) {
    const int64_t width = padded_width(task.k.width), width_v = padded_width(task.v.width);
    q = scratch;
    keys = q + width * kTileRows;
    values = keys + width * kBlockKeys;
    scores = values + width_v * kBlockKeys;
    out = scores + kBlockKeys * kTileRows;
    top = out + width_v * kTileRows;
    sum = top + kTileRows;
    alpha = sum + kTileRows;
  }
};

inline void decode_cells(const Cells& cells, KeyBlock block, float* rows) {
  const int64_t width = cells.width, stride = padded_width(width);
  with_cell(cells.type, [&](auto cell) {
    using Cell = decltype(cell);
    const std::byte* source = cell_of(cells, block.begin);
    for (int64_t j = 0; j < block.size(); ++j, source += cells.cell_bytes, rows += stride) {
      int64_t i = 0;
      if constexpr (Cell::kScaled) {
        for (; i < width; i += 32) {
          const Vec scale = splat(Cell::scale(source, i));
          for (int64_t at = i; at < i + 32; at += W) store(rows + at, Cell::at(source, at) * scale);
        }
      }
      for (; i + W <= width; i += W) store(rows + i, Cell::at(source, i));
      if (i < width) store(rows + i, Cell::part(source, i, width - i));
    }
  });
}

// ALiBi: the farther a key from the lane's token, the lower its score.
inline void lower_far(const AttendTask& task, KeyBlock block, const Tile& tile) {
  for (int64_t m = 0; m < tile.n_lanes; m += W) {
    Vec slope{}, pos{};  // pos from the block's begin on
    for (int64_t lane = 0; lane < W && m + lane < task.n_rows; ++lane) {
      slope[lane] = task.slopes[(m + lane) % task.n_rep];
      pos[lane] = static_cast<float>(task.pos + (m + lane) / task.n_rep - block.begin);
    }
    for (int64_t j = 0; j < block.size(); ++j) {
      float* scores = tile.scores + j * kTileRows + m;
      const Vec away = pos - splat(static_cast<float>(j));
      store(scores, load(scores) - slope * greater_of(away, -away));
    }
  }
}

// Puts −∞ on the scores of the keys that a lane must not see.
inline void mask(const AttendTask& task, KeyBlock block, const Tile& tile) {
  const int64_t pos_last = task.pos + (task.n_rows - 1) / task.n_rep;
  const bool all_before = !task.causal || block.end - 1 <= task.pos;
  const bool all_inside = task.window == 0 || block.begin > pos_last - task.window;
  if (all_before && all_inside) return;
  const Vec hidden = splat(-kInfinity);
  for (int64_t m = 0; m < tile.n_lanes; m += W) {
    Vec first, last;  // key of the block that the lane sees first and last
    for (int64_t lane = 0; lane < W; ++lane) {
      const int64_t row = m + lane < task.n_rows ? m + lane : task.n_rows - 1, pos = task.pos + row / task.n_rep;
      first[lane] = task.window > 0 ? static_cast<float>(pos - task.window + 1 - block.begin) : -1.0f;
      last[lane] = task.causal ? static_cast<float>(pos - block.begin) : static_cast<float>(kBlockKeys);
    }
    for (int64_t j = 0; j < block.size(); ++j) {
      float* scores = tile.scores + j * kTileRows + m;
      const Vec key = splat(static_cast<float>(j));
      store(scores, where_le(first, key, where_le(key, last, load(scores), hidden), hidden));
    }
  }
}

// As soften(), for all lanes at once.
inline void soften_tile(KeyBlock block, const Tile& tile) {
  for (int64_t m = 0; m < tile.n_lanes; m += W) {
    const Vec old_top = load(tile.top + m);
    Vec top = old_top, total{};
    for (int64_t j = 0; j < block.size(); ++j) top = greater_of(load(tile.scores + j * kTileRows + m), top);
    for (int64_t j = 0; j < block.size(); ++j) {
      const Vec weight = exp(load(tile.scores + j * kTileRows + m) - top);
      store(tile.scores + j * kTileRows + m, weight);
      total += weight;
    }
    const Vec alpha = exp(old_top - top);
    store(tile.alpha + m, alpha);
    store(tile.top + m, top);
    store(tile.sum + m, fma(load(tile.sum + m), alpha, total));
  }
}

inline void begin_tile(const AttendTask& task, const Tile& tile) {
  const int64_t width = task.k.width, stride = padded_width(width);
  for (int64_t d = 0; d < width; ++d)
    for (int64_t m = 0; m < tile.n_lanes; ++m) tile.q[d * kTileRows + m] = m < task.n_rows ? task.q[m * stride + d] : 0.0f;
  for (int64_t m = 0; m < tile.n_lanes; ++m) {
    tile.top[m] = task.sinks && m < task.n_rows ? task.sinks[m % task.n_rep] : kScoreMin;
    tile.sum[m] = task.sinks ? 1.0f : 0.0f;
  }
  __builtin_memset(tile.out, 0, static_cast<size_t>(padded_width(task.v.width) * kTileRows) * sizeof(float));
}

void tile(const AttendTask& task, float* out, int64_t token_stride, float* scratch) {
  const Tile tile(task, scratch);
  const int64_t width = padded_width(task.k.width), width_v = padded_width(task.v.width);
  begin_tile(task, tile);
  for (int64_t key = task.key_begin; key < task.key_end;) {
    const KeyBlock block = block_at(task, key);
    decode_cells(task.k, block, tile.keys);
    product(tile.keys, width, 1, tile.q, task.k.width, nullptr, tile.scores, (block.size() + 3) / 4 * 4, tile.n_lanes);
    if (task.softcap > 0)
      for (int64_t j = 0; j < block.size(); ++j)
        map(
            tile.scores + j * kTileRows, tile.n_lanes, [c = splat(task.softcap)](Vec s) { return c * tanh(s); },
            tile.scores + j * kTileRows);
    if (task.slopes) lower_far(task, block, tile);
    mask(task, block, tile);
    soften_tile(block, tile);
    decode_cells(task.v, block, tile.values);
    product(tile.values, 1, width_v, tile.scores, block.size(), tile.alpha, tile.out, (task.v.width + 3) / 4 * 4, tile.n_lanes);
    key = block.end;
  }
  for (int64_t m = 0; m < task.n_rows; ++m) {
    float* row = out + m / task.n_rep * token_stride + m % task.n_rep * task.v.width;
    for (int64_t d = 0; d < task.v.width; ++d) row[d] = tile.out[d * kTileRows + m] / tile.sum[m];
  }
}

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
