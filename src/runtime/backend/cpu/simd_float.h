// A vector of W floats of the instruction set being compiled: 16 lanes with AVX-512, 8 with AVX2, 4 with NEON and elsewhere.
//
// Parsed by the isa/*.cpp files alone, after the target pragma, so that every function has the target's code and internal
// linkage. The .cpp file brings <immintrin.h> or <arm_neon.h> before the pragma. + − · / and comparisons are those of the
// compiler's vectors.
#pragma once

namespace lupo::cpu {
namespace {
namespace simd {

#if defined(LUPO_ISA_AVX512)
#define LUPO_SIMD_512
constexpr int W = 16;
#elif defined(LUPO_ISA_X86)
#define LUPO_SIMD_256
constexpr int W = 8;
#else
constexpr int W = 4;
#if defined(LUPO_ISA_NEON)
#define LUPO_SIMD_NEON
#endif
#endif

typedef float Vec __attribute__((vector_size(W * 4)));
typedef int32_t VecI __attribute__((vector_size(W * 4)));

constexpr float kInfinity = __builtin_inff();

inline Vec splat(float x) {
#if defined(LUPO_SIMD_512)
  return (Vec)_mm512_set1_ps(x);
#elif defined(LUPO_SIMD_256)
  return (Vec)_mm256_set1_ps(x);
#else
  return Vec{x, x, x, x};
#endif
}
inline Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }

// The first n values, 0 < n < W; the other lanes are 0.
inline Vec load_part(const float* p, int64_t n) {
#if defined(LUPO_SIMD_512)
  return (Vec)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#else
  Vec v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
inline void store_part(float* p, Vec v, int64_t n) {
#if defined(LUPO_SIMD_512)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)v);
#else
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
#endif
}

// a · b + c
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(LUPO_SIMD_512)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(LUPO_SIMD_256)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(LUPO_SIMD_NEON)
  return (Vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// The greater of each lane; b where a is NaN.
inline Vec greater_of(Vec a, Vec b) {
#if defined(LUPO_SIMD_512)
  return (Vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(LUPO_SIMD_256)
  return (Vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

// a <= b ? x : y, lane by lane; y where a or b is NaN.
inline Vec where_le(Vec a, Vec b, Vec x, Vec y) {
#if defined(LUPO_SIMD_512)
  return (Vec)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ), (__m512)y, (__m512)x);
#else
  return a <= b ? x : y;
#endif
}

inline float sum_lanes(Vec v) {
#if defined(LUPO_SIMD_512)
  return _mm512_reduce_add_ps((__m512)v);
#elif defined(LUPO_SIMD_256)
  __m128 half = _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
#elif defined(LUPO_SIMD_NEON)
  return vaddvq_f32((float32x4_t)v);
#else
  return (v[0] + v[2]) + (v[1] + v[3]);
#endif
}

inline float max_lanes(Vec v) {
#if defined(LUPO_SIMD_512)
  return _mm512_reduce_max_ps((__m512)v);
#else
  float top = v[0];
  for (int i = 1; i < W; ++i) top = v[i] > top ? v[i] : top;
  return top;
#endif
}

// sums[i] = sum of the lanes of v[i] for i < M; 4 and 8 at once share the shuffles.
template <int M>
inline void sum_lanes(const Vec* v, float* sums) {
#if defined(LUPO_SIMD_512) || defined(LUPO_SIMD_256)
  if constexpr (M == 4 || M == 8) {
    __m256 pairs[M / 4];  // in each 128-bit half the half sums of 4 vectors
    for (int i = 0; i < M; i += 4) {
      __m256 part[4];
      for (int j = 0; j < 4; ++j) {
#if defined(LUPO_SIMD_512)
        part[j] = _mm256_add_ps(_mm512_castps512_ps256((__m512)v[i + j]), _mm512_extractf32x8_ps((__m512)v[i + j], 1));
#else
        part[j] = (__m256)v[i + j];
#endif
      }
      pairs[i / 4] = _mm256_hadd_ps(_mm256_hadd_ps(part[0], part[1]), _mm256_hadd_ps(part[2], part[3]));
    }
    for (int i = 0; i < M; i += 4) {
      const __m256 pair = pairs[i / 4];
      _mm_storeu_ps(sums + i, _mm_add_ps(_mm256_castps256_ps128(pair), _mm256_extractf128_ps(pair, 1)));
    }
    return;
  }
#endif
  for (int i = 0; i < M; ++i) sums[i] = sum_lanes(v[i]);
}

// IEEE half and bfloat16 (Intel's F16C and the formats' definitions); conversions to them round to nearest even.
inline float half_value(uint16_t bits) {
#if defined(LUPO_SIMD_512) || defined(LUPO_SIMD_256)
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
#elif defined(__aarch64__)
  return static_cast<float>(__builtin_bit_cast(__fp16, bits));
#else
  // The exponent is rebased by a multiplication, which makes subnormals right as well; infinity and NaN need their own exponent.
  const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7fff) << 13;
  const float finite = __builtin_bit_cast(float, magnitude) * 0x1p112f;
  const uint32_t value = magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : __builtin_bit_cast(uint32_t, finite);
  return __builtin_bit_cast(float, value | static_cast<uint32_t>(bits & 0x8000) << 16);
#endif
}

inline uint16_t half_bits(float x) {
#if defined(LUPO_SIMD_512) || defined(LUPO_SIMD_256)
  return static_cast<uint16_t>(_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT)));
#elif defined(__aarch64__)
  return __builtin_bit_cast(uint16_t, static_cast<__fp16>(x));
#else
  const uint32_t bits = __builtin_bit_cast(uint32_t, x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x38800000u)                                                 // subnormal: the sum with ½ has an ulp of 2^-24
    return static_cast<uint16_t>(sign |
                                 (__builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u));
  return static_cast<uint16_t>(sign | (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13);
#endif
}

inline uint16_t bfloat_bits(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

inline Vec load_half(const uint16_t* p) {
#if defined(LUPO_SIMD_512)
  return (Vec)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(LUPO_SIMD_256)
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(LUPO_SIMD_NEON)
  return (Vec)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
#else
  Vec v;
  for (int i = 0; i < W; ++i) v[i] = half_value(p[i]);
  return v;
#endif
}

// W bytes or 16-bit words as 32-bit integers.
inline VecI widen_i8(const int8_t* p) {
#if defined(LUPO_SIMD_512)
  return (VecI)_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(LUPO_SIMD_256)
  return (VecI)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  return VecI{p[0], p[1], p[2], p[3]};
#endif
}
inline VecI widen_u8(const uint8_t* p) {
#if defined(LUPO_SIMD_512)
  return (VecI)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(LUPO_SIMD_256)
  return (VecI)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  return VecI{p[0], p[1], p[2], p[3]};
#endif
}
inline VecI widen_u16(const uint16_t* p) {
#if defined(LUPO_SIMD_512)
  return (VecI)_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(LUPO_SIMD_256)
  return (VecI)_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(LUPO_SIMD_NEON)
  return (VecI)vmovl_u16(vld1_u16(p));
#else
  return VecI{p[0], p[1], p[2], p[3]};
#endif
}
inline Vec load_bfloat(const uint16_t* p) { return (Vec)(widen_u16(p) << 16); }
inline Vec to_float(VecI v) { return __builtin_convertvector(v, Vec); }

// e^x within 2 ulp; 0 below −87.3, infinity above 88.3 (where n below leaves the exponent's range), NaN for NaN.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by a polynomial of degree 7 (coefficients: S. Moshier, Cephes, expf), times 2^n.
inline Vec exp(Vec x) {
  const Vec magic = splat(12582912.0f);  // 1.5 · 2^23: the sum's low bits are round(x / ln 2)
  const Vec shifted = fma(x, splat(1.44269504f), magic), n = shifted - magic;
  const Vec r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), x));  // ln 2 in two parts
  Vec p = fma(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r + splat(1.0f));
  // 2^n is built from its bits; unsigned, since a lane that is replaced below may overflow.
  typedef uint32_t VecU __attribute__((vector_size(W * 4)));
  const Vec power = (Vec)(((VecU)shifted << 23) + 0x3f800000u);
  const Vec in_range = where_le(splat(-87.3f), x, p * power, splat(0.0f));
  return where_le(x, splat(88.3f), in_range, where_le(x, x, splat(kInfinity), x));
}

// tanh within 2 ulp: an odd polynomial below 0.625 (Cephes, tanhf), 1 − 2 / (e^2x + 1) above.
inline Vec tanh(Vec x) {
  const Vec size = greater_of(x, -x), z = x * x;
  Vec p = fma(splat(-5.70498872745e-3f), z, splat(2.06390887954e-2f));
  p = fma(p, z, splat(-5.37397155531e-2f));
  p = fma(p, z, splat(1.33314422036e-1f));
  p = fma(p, z, splat(-3.33332819422e-1f));
  const Vec small = fma(p * z, x, x);
  const Vec large = splat(1.0f) - splat(2.0f) / (exp(x + x) + splat(1.0f));
  return where_le(size, splat(0.625f), small, large);
}

// out[i] = function(x[i]…) for i < n; the operands are rows of n floats.
template <class Function, class... Rows>
inline void map(float* out, int64_t n, Function function, const Rows*... x) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, function(load(x + i)...));
  if (i < n) store_part(out + i, function(load_part(x + i, n - i)...), n - i);
}

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
