// The peak loops of the instruction set being compiled. Parsed after the target pragma of isa/*.cpp.
#pragma once

#include "runtime/backend/cpu/peak_kernels.h"
#include "runtime/backend/cpu/simd_float.h"

namespace lupo::cpu {
namespace {
namespace simd {

// Sums that do not wait for each other: as many as a core has in flight (latency · instructions a cycle, 4 · 2 to 4 · 4) and no
// more than fit in the registers beside the operands.
#if defined(LUPO_SIMD_NEON)
constexpr int kPeakSums = 16;
#elif defined(LUPO_SIMD_512)
constexpr int kPeakSums = 12;
#else
constexpr int kPeakSums = 10;
#endif

// Makes the compiler believe that a register changed; else it would merge equal steps into one.
template <class Register>
[[gnu::always_inline]] inline void touch(Register& value) {
#if defined(LUPO_EMULATED)  // a register there is two, or memory
  asm volatile("" : "+m"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#elif defined(LUPO_SIMD_512)
  asm volatile("" : "+v"(value));
#elif defined(__x86_64__)
  asm volatile("" : "+x"(value));
#else
  asm volatile("" : "+m"(value));
#endif
}

// n_rounds times kPeakSums steps sum = step(sum, factor), of registers alone.
template <class Sum, class Step>
[[gnu::always_inline]] inline void spin(int64_t n_rounds, Sum first, Sum factor, Step step) {
  Sum sums[kPeakSums];
#pragma GCC unroll 16
  for (Sum& sum : sums) touch(sum = first);
  for (int64_t i = 0; i < n_rounds; ++i) {
#pragma GCC unroll 16
    for (Sum& sum : sums) {
      touch(factor);
      sum = step(sum, factor);
    }
  }
#pragma GCC unroll 16
  for (Sum& sum : sums) touch(sum);
}

void spin_f32(int64_t n_rounds) {
  const Vec term = splat(0.5f);
  spin(n_rounds, term, term, [&](Vec sum, Vec factor) { return fma(factor, term, sum); });
}

#if defined(LUPO_SIMD_512)
constexpr std::string_view kF32Instructions = "vfmadd, 512 bits";
#elif defined(LUPO_SIMD_256)
constexpr std::string_view kF32Instructions = "vfmadd, 256 bits";
#elif defined(LUPO_SIMD_NEON)
constexpr std::string_view kF32Instructions = "fmla, 128 bits";
#else
constexpr std::string_view kF32Instructions = "plain C++";
#endif

#if defined(LUPO_ISA_AMX)
// What kernels can reach: an activation is multiplied as three bf16 (matmul_bf16_amx.h).
constexpr std::string_view kBf16Instructions = "tdpbf16ps, 16 x 16 x 32, three times";
constexpr int64_t kBf16Products = 3 * 16 * 16 * 32 / 3;
void spin_bf16(int64_t n_rounds) {
  configure_tiles(16, 64);
  for (int64_t i = 0; i < n_rounds; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
  }
  _tile_release();
}
constexpr PeakLoop kPeakBf16{spin_bf16, kBf16Products, kBf16Instructions};
#else
constexpr PeakLoop kPeakBf16{nullptr, 0, ""};
#endif

// kInt8Products: of a round.
#if defined(LUPO_ISA_AMX)

constexpr std::string_view kInt8Instructions = "tdpbssd, 16 x 16 x 64";
constexpr int64_t kInt8Products = 4 * 16 * 16 * 64;
void spin_int8(int64_t n_rounds) {
  configure_tiles(16, 64);  // which also clears them
  for (int64_t i = 0; i < n_rounds; ++i) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
}

#elif defined(LUPO_SIMD_512) && defined(LUPO_ISA_VNNI)

constexpr std::string_view kInt8Instructions = "vpdpbusd, 512 bits";
constexpr int64_t kInt8Products = kPeakSums * 64;
void spin_int8(int64_t n_rounds) {
  const __m512i a = _mm512_set1_epi8(1);
  spin(n_rounds, a, a, [&](__m512i sum, __m512i b) { return _mm512_dpbusd_epi32(sum, a, b); });
}

#elif defined(LUPO_SIMD_512)

constexpr std::string_view kInt8Instructions = "vpmaddubsw + vpmaddwd, 512 bits";
constexpr int64_t kInt8Products = kPeakSums * 64;
void spin_int8(int64_t n_rounds) {
  const __m512i a = _mm512_set1_epi8(1), ones = _mm512_set1_epi16(1);
  spin(n_rounds, a, a,
       [&](__m512i sum, __m512i b) { return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), ones)); });
}

#elif defined(LUPO_SIMD_256) && defined(LUPO_ISA_VNNI)

constexpr std::string_view kInt8Instructions = "vpdpbusd, 256 bits";
constexpr int64_t kInt8Products = kPeakSums * 32;
void spin_int8(int64_t n_rounds) {
  const __m256i a = _mm256_set1_epi8(1);
  spin(n_rounds, a, a, [&](__m256i sum, __m256i b) { return _mm256_dpbusd_avx_epi32(sum, a, b); });
}

#elif defined(LUPO_SIMD_256)

constexpr std::string_view kInt8Instructions = "vpmaddubsw + vpmaddwd, 256 bits";
constexpr int64_t kInt8Products = kPeakSums * 32;
void spin_int8(int64_t n_rounds) {
  const __m256i a = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  spin(n_rounds, a, a,
       [&](__m256i sum, __m256i b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones)); });
}

#elif defined(LUPO_ISA_I8MM)

constexpr std::string_view kInt8Instructions = "smmla, 128 bits";
constexpr int64_t kInt8Products = kPeakSums * 32;
void spin_int8(int64_t n_rounds) {
  const int32x4_t one = vdupq_n_s32(1);
  spin(n_rounds, one, one,
       [&](int32x4_t sum, int32x4_t b) { return vmmlaq_s32(sum, vreinterpretq_s8_s32(one), vreinterpretq_s8_s32(b)); });
}

#elif defined(LUPO_SIMD_NEON)

constexpr std::string_view kInt8Instructions = "sdot, 128 bits";
constexpr int64_t kInt8Products = kPeakSums * 16;
void spin_int8(int64_t n_rounds) {
  const int32x4_t one = vdupq_n_s32(1);
  spin(n_rounds, one, one,
       [&](int32x4_t sum, int32x4_t b) { return vdotq_s32(sum, vreinterpretq_s8_s32(one), vreinterpretq_s8_s32(b)); });
}

#else

// What the compiler makes of a dot product of bytes that lie in the first-level cache.
constexpr std::string_view kInt8Instructions = "plain C++";
constexpr int64_t kInt8Products = 64;
void spin_int8(int64_t n_rounds) {
  int8_t a[kInt8Products] = {1}, b[kInt8Products] = {2};
  int32_t sum = 0;
  for (int64_t i = 0; i < n_rounds; ++i) {
    asm volatile("" : "+m"(a), "+m"(b));
    for (int64_t k = 0; k < kInt8Products; ++k) sum += a[k] * b[k];
  }
  asm volatile("" : : "m"(sum));
}

#endif

constexpr PeakKernels kPeakKernels{
    .int8 = {spin_int8, kInt8Products, kInt8Instructions},
    .bf16 = kPeakBf16,
    .f32 = {spin_f32, kPeakSums* W, kF32Instructions},
};

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
