// Stands before the compiler's <immintrin.h> where an isa/*.cpp is compiled for processors without its instructions: everything
// above AVX2 is SIMDe's, and ours where SIMDe 0.7.4 has no function (semantics: Intel's intrinsics guide).
#pragma once

#include_next <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

namespace emulation {
namespace {

typedef float F32x16 __attribute__((vector_size(64)));
typedef int32_t I32x16 __attribute__((vector_size(64)));
typedef int8_t I8x16 __attribute__((vector_size(16)));
typedef uint8_t U8x16 __attribute__((vector_size(16)));
typedef uint16_t U16x16 __attribute__((vector_size(32)));

inline __m512 cvtepi32_ps(__m512i a) { return (__m512)__builtin_convertvector((I32x16)a, F32x16); }
inline __m512i cvtepi8_epi32(__m128i a) { return (__m512i)__builtin_convertvector((I8x16)a, I32x16); }
inline __m512i cvtepu8_epi32(__m128i a) { return (__m512i)__builtin_convertvector((U8x16)a, I32x16); }
inline __m512i cvtepu16_epi32(__m256i a) { return (__m512i)__builtin_convertvector((U16x16)a, I32x16); }

struct Halves {
  __m256 low, high;
};
inline Halves halves(__m512 a) { return __builtin_bit_cast(Halves, a); }
inline __m512 joined(__m256 low, __m256 high) { return __builtin_bit_cast(__m512, Halves{low, high}); }

inline __m256 extractf32x8_ps(__m512 a, int part) { return part == 0 ? halves(a).low : halves(a).high; }
inline __m512 cvtph_ps(__m256i a) {
  return joined(_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1)));
}

inline uint64_t kunpackd(uint64_t high, uint64_t low) { return high << 32 | (low & 0xffffffff); }

inline __m512 maskz_loadu_ps(uint16_t mask, const void* p) {
  F32x16 v{};
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) v[i] = static_cast<const float*>(p)[i];
  }
  return (__m512)v;
}
inline void mask_storeu_ps(void* p, uint16_t mask, __m512 a) {
  const F32x16 v = (F32x16)a;
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) static_cast<float*>(p)[i] = v[i];
  }
}

inline float reduce_add_ps(__m512 a) {
  const F32x16 v = (F32x16)a;
  float sum = 0;
  for (int i = 0; i < 16; ++i) sum += v[i];
  return sum;
}
inline float reduce_max_ps(__m512 a) {
  const F32x16 v = (F32x16)a;
  float highest = v[0];
  for (int i = 1; i < 16; ++i) highest = v[i] > highest ? v[i] : highest;
  return highest;
}

// AMX: eight tiles of up to 16 rows of 64 bytes, as LDTILECFG shapes them.
struct Tiles {
  uint8_t n_rows[8];
  uint16_t row_bytes[8];
  alignas(64) int8_t row[8][16][64];
};
thread_local Tiles tiles;

inline void tile_loadconfig(const void* config) {
  const auto* byte = static_cast<const uint8_t*>(config);
  for (int i = 0; i < 64; ++i) {  // palette 1; start row, reserved bytes and what would be tiles 8 … 15 are 0
    const bool is_shape = (i >= 16 && i < 32) || (i >= 48 && i < 56);
    if (!is_shape && byte[i] != (i == 0)) __builtin_trap();
  }
  __builtin_memset(&tiles, 0, sizeof tiles);
  __builtin_memcpy(tiles.row_bytes, static_cast<const char*>(config) + 16, sizeof tiles.row_bytes);
  __builtin_memcpy(tiles.n_rows, static_cast<const char*>(config) + 48, sizeof tiles.n_rows);
  for (int i = 0; i < 8; ++i) {
    if (tiles.n_rows[i] > 16 || tiles.row_bytes[i] > 64) __builtin_trap();
  }
}
inline void tile_release() { __builtin_memset(&tiles, 0, sizeof tiles); }
inline void tile_zero(int tile) { __builtin_memset(tiles.row[tile], 0, sizeof tiles.row[tile]); }
inline void tile_loadd(int tile, const void* base, int64_t stride) {
  tile_zero(tile);
  for (int r = 0; r < tiles.n_rows[tile]; ++r)
    __builtin_memcpy(tiles.row[tile][r], static_cast<const char*>(base) + r * stride, tiles.row_bytes[tile]);
}
inline void tile_stored(int tile, void* base, int64_t stride) {
  for (int r = 0; r < tiles.n_rows[tile]; ++r)
    __builtin_memcpy(static_cast<char*>(base) + r * stride, tiles.row[tile][r], tiles.row_bytes[tile]);
}
// Tiles without a shape and shapes that do not fit each other are errors of the instructions.
inline void check_shapes(int sum, int a, int b) {
  if (tiles.n_rows[sum] == 0 || tiles.n_rows[b] == 0 || tiles.n_rows[sum] != tiles.n_rows[a] ||
      tiles.row_bytes[sum] != tiles.row_bytes[b] || tiles.row_bytes[a] != 4 * tiles.n_rows[b])
    __builtin_trap();
}
inline void tile_dpbssd(int sum, int a, int b) {
  check_shapes(sum, a, b);
  for (int m = 0; m < tiles.n_rows[sum]; ++m) {
    I32x16 all;
    __builtin_memcpy(&all, tiles.row[sum][m], sizeof all);
    for (int k = 0; k < tiles.n_rows[b]; ++k) {
      for (int n = 0; n < 16; ++n) {
        for (int i = 0; i < 4; ++i) all[n] += tiles.row[a][m][4 * k + i] * tiles.row[b][k][4 * n + i];
      }
    }
    __builtin_memcpy(tiles.row[sum][m], &all, sizeof all);
  }
}
// Element i of a row of bf16; the instruction takes subnormal numbers for zeros.
inline float bf16_at(const int8_t* row, int i) {
  uint16_t half;
  __builtin_memcpy(&half, row + 2 * i, 2);
  const uint32_t bits = (half & 0x7f80) == 0 ? 0 : static_cast<uint32_t>(half) << 16;
  return __builtin_bit_cast(float, bits);
}
// The products of even and of odd elements are summed apart.
inline void tile_dpbf16ps(int sum, int a, int b) {
  check_shapes(sum, a, b);
  for (int m = 0; m < tiles.n_rows[sum]; ++m) {
    F32x16 all, part[2] = {};
    __builtin_memcpy(&all, tiles.row[sum][m], sizeof all);
    for (int k = 0; k < tiles.n_rows[b]; ++k) {
      for (int n = 0; n < 16; ++n) {
        for (int i = 0; i < 2; ++i) part[i][n] += bf16_at(tiles.row[a][m], 2 * k + i) * bf16_at(tiles.row[b][k], 2 * n + i);
      }
    }
    all += part[0] + part[1];
    __builtin_memcpy(tiles.row[sum][m], &all, sizeof all);
  }
}

}  // namespace
}  // namespace emulation

#define _mm512_cvtepi32_ps emulation::cvtepi32_ps
#define _mm512_cvtepi8_epi32 emulation::cvtepi8_epi32
#define _mm512_cvtepu8_epi32 emulation::cvtepu8_epi32
#define _mm512_cvtepu16_epi32 emulation::cvtepu16_epi32
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps emulation::extractf32x8_ps
#undef _mm512_cvtph_ps
#define _mm512_cvtph_ps emulation::cvtph_ps
#define _mm512_kunpackd emulation::kunpackd
#define _mm512_maskz_loadu_ps emulation::maskz_loadu_ps
#define _mm512_mask_storeu_ps emulation::mask_storeu_ps
#define _mm512_reduce_add_ps emulation::reduce_add_ps
#define _mm512_reduce_max_ps emulation::reduce_max_ps
#undef _mm512_madd_epi16  // takes four operands in SIMDe 0.7.4
#define _mm512_madd_epi16 simde_mm512_madd_epi16

#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadconfig emulation::tile_loadconfig
#define _tile_release emulation::tile_release
#define _tile_loadd emulation::tile_loadd
#define _tile_stored emulation::tile_stored
#define _tile_zero emulation::tile_zero
#define _tile_dpbssd emulation::tile_dpbssd
#define _tile_dpbf16ps emulation::tile_dpbf16ps
