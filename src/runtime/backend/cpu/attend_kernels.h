// Attention over one KV head's cells with online softmax (Milakov & Gimelshein 2018, arXiv 1805.02867; the blocking is that of
// FlashAttention, Dao et al. 2022, arXiv 2205.14135). One table of each instruction set.
//
// All R = H/G query heads that share a KV head are processed together, so that a block of keys is read and decoded once.
//   stream  one token, R rows: dot products straight from the cells in their own type, of many rows small matrix products. Cut by
//           keys into parts for more threads.
//   tile    up to kTileRows rows (tokens · R): blocks of keys are decoded to f32 once and multiplied as small matrix products
//   with
//           the rows in the lanes, so that softmax, masks and rescaling need no operation across lanes.
// All functions are pure and thread-safe; none allocates. NaN in, NaN out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/type.h"

namespace lupo::cpu {

// The cells [width, N] of one KV head of one sequence, f32, f16, bf16, q8_0 or q4_0. Position p lives in cell p mod N.
struct Cells {
  const std::byte* data;
  Type type;
  int64_t width;  // D or Dv; a multiple of 32 for q8_0 and q4_0
  int64_t cell_bytes;
  int64_t n_cells;  // N
};

struct AttendTask {
  Cells k, v;
  const float* q;  // [D padded with zeros, M padded for stream]; row m is token m / R, head m mod R, already multiplied
                   // by the score's scale and divided by softcap where there is one
  int64_t n_rows;  // M
  int64_t n_rep;   // R: rows of one token
  int64_t pos;     // position of row 0's token
  int64_t key_begin, key_end;  // positions of the keys to visit
  int64_t window;              // 0 = full
  float softcap;               // 0 = none
  bool causal;
  const float* sinks;             // [R] or null
  const float* slopes = nullptr;  // [R] or null: ALiBi takes slope · |position of the token − of the key| from a score
};

inline constexpr int64_t kLanesMax = 16;
inline constexpr int64_t kTileRows = 64;  // greatest M of tile
inline constexpr int64_t kBlockKeys = 64;

constexpr int64_t padded_width(int64_t width) { return (width + kLanesMax - 1) / kLanesMax * kLanesMax; }

// Rows that stream computes for R heads: those added to fill the registers have a q of zeros.
constexpr int64_t padded_rows(int64_t n_rep) { return n_rep <= 2 ? n_rep : n_rep <= 4 ? 4 : (n_rep + 7) / 8 * 8; }
// Floats of one partial result of stream: of each padded row its maximum, its sum and the unscaled output [Dv padded].
constexpr int64_t partial_floats(int64_t n_rep, int64_t head_dim_v) {
  return padded_rows(n_rep) * (2 + padded_width(head_dim_v));
}
// Scratch of one thread, aligned to 64 bytes. stream needs that of a tile for 8 rows or more.
constexpr int64_t stream_scratch_floats() { return (8 + 8 + 1) * kBlockKeys; }  // weights, scaled weights, scales
constexpr int64_t tile_scratch_floats(int64_t head_dim, int64_t head_dim_v) {
  return (padded_width(head_dim) + padded_width(head_dim_v)) * (kTileRows + kBlockKeys) + kBlockKeys * kTileRows + 3 * kTileRows;
}

struct AttendKernels {
  // Writes n values as f32, f16 or bf16, rounded to nearest even.
  void (*store)(const float* x, int64_t n, Type type, std::byte* cell);
  // Every key in [key_begin, key_end) is visible to all rows; causal, window and sinks are not read. Its one token is at pos.
  void (*stream)(const AttendTask& task, float* partial, float* scratch);
  // Joins n_parts partial results of stream, `stride` floats apart, and the sinks [R] or null into out: row r at r · Dv.
  void (*merge)(const float* partials, int64_t n_parts, int64_t stride, int64_t n_rep, int64_t head_dim_v, const float* sinks,
                float* out);
  // Row m goes to out + (m / R) · token_stride + (m mod R) · Dv.
  void (*tile)(const AttendTask& task, float* out, int64_t token_stride, float* scratch);
};

}  // namespace lupo::cpu
