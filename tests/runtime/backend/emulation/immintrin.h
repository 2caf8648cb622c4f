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
