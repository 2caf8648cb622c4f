// simd_block.h for AVX2 and for AVX-512 (LUPO_ISA_AVX512), with or without the dot products of VNNI (LUPO_ISA_VNNI).
#pragma once

namespace lupo::cpu {
namespace {

struct Codes {
  __m256i v;
};
struct F32x8 {
  __m256 v;
};

inline __m256i bytes_of(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
inline Codes load_32(const void* p) { return {_mm256_loadu_si256(static_cast<const __m256i*>(p))}; }
inline Codes subtract(Codes c, int offset) { return {_mm256_sub_epi8(c.v, bytes_of(offset))}; }

// What dot() adds to a wide code.
#if defined(LUPO_ISA_VNNI)
inline constexpr int kWideOffset = 128;
// Activations of a panel's product are stored as q + 128, but for AMX, which multiplies signed bytes.
#if defined(LUPO_ISA_AMX)
inline constexpr int kActivationBias = 0;
#else
inline constexpr int kActivationBias = 128;
#endif
inline constexpr bool kWords = false;
#else
inline constexpr int kWideOffset = 0;
inline constexpr int kActivationBias = 0;
inline constexpr bool kWords = true;
// Sums of the products of 32 codes with activations of 16 bits, whose even and odd codes lie apart: a multiplication of words
// costs no more than one of bytes, and does both digits.
template <bool kWide>
inline __m256i word_products(__m256i w, const int8_t* even, const int8_t* odd) {
  const __m256i e = kWide ? _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8) : _mm256_and_si256(w, _mm256_set1_epi16(0xff));
  const __m256i o = kWide ? _mm256_srai_epi16(w, 8) : _mm256_srli_epi16(w, 8);
  return _mm256_add_epi32(_mm256_madd_epi16(e, load_32(even).v), _mm256_madd_epi16(o, load_32(odd).v));
}
// Products of 32 codes with activations of 8 bits, those of a pair added up: 16-bit sums, of two such products where kShortSums
// says that they hold them.
template <bool kWide>
inline __m256i byte_products(__m256i w, const int8_t* a) {
  if constexpr (kWide) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(load_32(a).v, w));
  return _mm256_maddubs_epi16(w, load_32(a).v);
}
inline __m256i widened(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }
template <bool kWide, int kShortSums>
inline __m256i two_products(__m256i w, const int8_t* a, __m256i v, const int8_t* b) {
  const __m256i first = byte_products<kWide>(w, a), second = byte_products<kWide>(v, b);
  if constexpr (kShortSums >= 2) return widened(_mm256_add_epi16(first, second));
  return _mm256_add_epi32(widened(first), widened(second));
}
#endif

inline F32x8 zero_8() { return {_mm256_setzero_ps()}; }
inline F32x8 load_8(const float* p) { return {_mm256_loadu_ps(p)}; }
inline F32x8 broadcast_8(float a) { return {_mm256_set1_ps(a)}; }
inline F32x8 operator+(F32x8 a, F32x8 b) { return {_mm256_add_ps(a.v, b.v)}; }
inline F32x8 operator*(F32x8 a, F32x8 b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline F32x8 fma(F32x8 a, F32x8 b, F32x8 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline float sum(F32x8 a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

inline float half(uint16_t bits) { return _cvtsh_ss(bits); }
inline F32x8 from_u8(uint64_t bytes) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(bytes))))};
}
inline F32x8 exponents(uint64_t bytes) {
  const __m256i e = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(bytes)));
  const __m256i subnormal = _mm256_and_si256(_mm256_cmpeq_epi32(e, _mm256_setzero_si256()), _mm256_set1_epi32(0x400000));
  return {_mm256_castsi256_ps(_mm256_or_si256(_mm256_slli_epi32(e, 23), subnormal))};
}

// Bits of value dealt to bytes, kBits to each.
template <int kBits>
inline uint64_t deal(uint64_t value) {
  return _pdep_u64(value, ((1u << kBits) - 1) * 0x0101010101010101);
}

#if defined(LUPO_ISA_AVX512)
#include "runtime/backend/cpu/simd_pair_avx512.h"
#else
#include "runtime/backend/cpu/simd_pair_avx2.h"
#endif

// Transposes 8 rows of 8 32-bit values.
inline void transpose(__m256i (&r)[8]) {
  __m256i a[8], b[8];
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
    r[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
  }
}

// Group i of four codes of row r goes to out + i · stride + 4 r (bytes); 8 groups, 8 rows.
inline void store_transposed(const Codes (&rows)[8], int8_t* out, int64_t stride) {
  __m256i r[8];
  for (int i = 0; i < 8; ++i) r[i] = rows[i].v;
  transpose(r);
  for (int i = 0; i < 8; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i * stride), r[i]);
}

// Value i of row r goes to out[i · stride + r].
inline void store_transposed(const F32x8 (&rows)[8], float* out, int64_t stride) {
  __m256i r[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_castps_si256(rows[i].v);
  transpose(r);
  for (int i = 0; i < 8; ++i) _mm256_storeu_ps(out + i * stride, _mm256_castsi256_ps(r[i]));
}

#if defined(LUPO_ISA_AVX512)

inline constexpr int kLanes = 16;
#if defined(LUPO_ISA_VNNI)
inline constexpr int kTileVectors = 2, kTileTokens = 6;  // 12 integer and 12 float sums of 32 registers
#else
inline constexpr int kTileVectors = 1, kTileTokens = 6;
#endif
using FloatLanes = F32x16;
inline FloatLanes lanes_zero() { return {_mm512_setzero_ps()}; }
inline FloatLanes lanes_load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void lanes_store(float* p, FloatLanes a) { _mm512_storeu_ps(p, a.v); }
inline FloatLanes lanes_broadcast(float a) { return {_mm512_set1_ps(a)}; }
inline FloatLanes load_halves(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline FloatLanes load_bf16(const uint16_t* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

#else

inline constexpr int kLanes = 8;
inline constexpr int kTileVectors = 2, kTileTokens = 3;  // 6 float, 6 integer sums of 16 registers
using FloatLanes = F32x8;
inline FloatLanes lanes_zero() { return zero_8(); }
inline FloatLanes lanes_load(const float* p) { return load_8(p); }
inline void lanes_store(float* p, FloatLanes a) { _mm256_storeu_ps(p, a.v); }
inline FloatLanes lanes_broadcast(float a) { return broadcast_8(a); }
inline FloatLanes load_halves(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline FloatLanes load_bf16(const uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
}

#endif

#if defined(LUPO_ISA_AVX512) && defined(LUPO_ISA_VNNI)

struct IntLanes {
  __m512i v;
};
inline IntLanes int_load(const void* p) { return {_mm512_loadu_si512(p)}; }
inline void int_store(void* p, IntLanes a) { _mm512_storeu_si512(p, a.v); }
inline IntLanes int_broadcast(int32_t a) { return {_mm512_set1_epi32(a)}; }
inline FloatLanes to_float(IntLanes a) { return {_mm512_cvtepi32_ps(a.v)}; }
// sum + the products of four signed codes of each row (w) and four biased activations (a, the same in all lanes).
template <bool kWide>
inline IntLanes add_dot(IntLanes sum, IntLanes w, IntLanes a) {
  return {_mm512_dpbusd_epi32(sum.v, a.v, w.v)};
}
// −kActivationBias · Σ of the codes so far: `sum` less what the bias adds to add_dot.
template <bool kWide>
inline IntLanes subtract_bias(IntLanes sum, IntLanes w) {
  const __m512i zero = _mm512_setzero_si512();
  return {_mm512_sub_epi32(sum.v, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(static_cast<char>(kActivationBias)), w.v))};
}
inline IntLanes times_256(IntLanes a) { return {_mm512_slli_epi32(a.v, 8)}; }
inline IntLanes operator+(IntLanes a, IntLanes b) { return {_mm512_add_epi32(a.v, b.v)}; }

#elif defined(LUPO_ISA_VNNI)

struct IntLanes {
  __m256i v;
};
inline IntLanes int_load(const void* p) { return {_mm256_loadu_si256(static_cast<const __m256i*>(p))}; }
inline void int_store(void* p, IntLanes a) { _mm256_storeu_si256(static_cast<__m256i*>(p), a.v); }
inline IntLanes int_broadcast(int32_t a) { return {_mm256_set1_epi32(a)}; }
inline FloatLanes to_float(IntLanes a) { return {_mm256_cvtepi32_ps(a.v)}; }
template <bool kWide>
inline IntLanes add_dot(IntLanes sum, IntLanes w, IntLanes a) {
  return {_mm256_dpbusd_avx_epi32(sum.v, a.v, w.v)};
}
template <bool kWide>
inline IntLanes subtract_bias(IntLanes sum, IntLanes w) {
  const __m256i bias = _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), bytes_of(kActivationBias), w.v);
  return {_mm256_sub_epi32(sum.v, bias)};
}
inline IntLanes times_256(IntLanes a) { return {_mm256_slli_epi32(a.v, 8)}; }
inline IntLanes operator+(IntLanes a, IntLanes b) { return {_mm256_add_epi32(a.v, b.v)}; }

#else

// Panels without VNNI: products of bytes are summed in 16 bits for as long as they fit, then in 32. Codes stay raw (unsigned),
// activations are signed; of wide codes the signs go over to the activations. The multiplications share their ports, so AVX-512
// takes them 256 bits at a time as well (and vpsignb has no other form).
#define LUPO_SHORT_SUMS
inline constexpr int kHalves = kLanes / 8;
struct IntLanes {
  __m256i v[kHalves];
};
using ShortLanes = IntLanes;  // two 16-bit sums in the place of one of 32

template <class Function>
[[gnu::always_inline]] inline IntLanes each_half(Function function) {
  IntLanes out;
#pragma GCC unroll 2
  for (int h = 0; h < kHalves; ++h) out.v[h] = function(h);
  return out;
}
inline IntLanes int_load(const void* p) {
  return each_half([p](int h) { return _mm256_loadu_si256(static_cast<const __m256i*>(p) + h); });
}
inline void int_store(void* p, const IntLanes& x) {
  for (int h = 0; h < kHalves; ++h) _mm256_storeu_si256(static_cast<__m256i*>(p) + h, x.v[h]);
}
inline IntLanes int_broadcast(int32_t x) {
  return each_half([x](int) { return _mm256_set1_epi32(x); });
}
template <bool kWide>
inline IntLanes subtract_bias(const IntLanes& sum, const IntLanes&) {
  return sum;
}
inline FloatLanes to_float(const IntLanes& x) {
#if defined(LUPO_ISA_AVX512)
  return {_mm512_cvtepi32_ps(_mm512_inserti64x4(_mm512_castsi256_si512(x.v[0]), x.v[1], 1))};
#else
  return {_mm256_cvtepi32_ps(x.v[0])};
#endif
}
// Products of four codes of each row with four activations, those of a pair added up. w are magnitudes where signs gives signs.
template <bool kWide>
inline ShortLanes short_dot(const IntLanes& w, const IntLanes& signs, const IntLanes& a) {
  return each_half([&](int h) { return _mm256_maddubs_epi16(w.v[h], kWide ? _mm256_sign_epi8(a.v[h], signs.v[h]) : a.v[h]); });
}
inline IntLanes magnitudes(const IntLanes& w) {  // that of −128 is 128 as an unsigned byte
  return each_half([&](int h) { return _mm256_abs_epi8(w.v[h]); });
}
inline ShortLanes add_short(const ShortLanes& x, const ShortLanes& y) {
  return each_half([&](int h) {
    __m256i sum = _mm256_add_epi16(x.v[h], y.v[h]);
    asm("" : "+x"(sum));  // else the compiler makes a tree of a chain of sums, whose leaves do not fit into the registers
    return sum;
  });
}
inline IntLanes widen(const ShortLanes& x) {
  return each_half([&](int h) { return _mm256_madd_epi16(x.v[h], _mm256_set1_epi16(1)); });
}
// sum + the products of pairs of 16-bit codes.
inline IntLanes add_words(const IntLanes& sum, const IntLanes& w, const IntLanes& a) {
  return each_half([&](int h) {
    __m256i all = _mm256_add_epi32(sum.v[h], _mm256_madd_epi16(w.v[h], a.v[h]));
    asm("" : "+x"(all));  // as in add_short
    return all;
  });
}
// 16 codes as words.
inline void widen_codes(const uint8_t* codes, int16_t* out) {
  const __m256i words = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), words);
}
// Codes of kLanes rows, four of each, as words: those of the first two of each row, and of the other two `apart` words on.
template <bool kWide>
inline void widen_fours(const int8_t* fours, int16_t* out, int64_t apart) {
  // Bytes 0 and 1 of each four, then 2 and 3: the low bytes of words, or the high ones, which a shift brings down with the sign.
  const __m256i first = _mm256_set1_epi32(kWide ? static_cast<int>(0x01800080u) : static_cast<int>(0x80018000u));
  const __m256i second = _mm256_set1_epi32(kWide ? static_cast<int>(0x03800280u) : static_cast<int>(0x80038002u));
  const __m256i four = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);
#pragma GCC unroll 2
  for (int h = 0; h < kHalves; ++h) {
    const __m256i codes = load_32(fours + 32 * h).v;
    __m256i a = _mm256_shuffle_epi8(codes, _mm256_or_si256(first, four));
    __m256i b = _mm256_shuffle_epi8(codes, _mm256_or_si256(second, four));
    if (kWide) a = _mm256_srai_epi16(a, 8), b = _mm256_srai_epi16(b, 8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 16 * h), a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + apart + 16 * h), b);
  }
}
inline IntLanes times_256(const IntLanes& x) {
  return each_half([&](int h) { return _mm256_slli_epi32(x.v[h], 8); });
}
inline IntLanes operator+(const IntLanes& x, const IntLanes& y) {
  return each_half([&](int h) { return _mm256_add_epi32(x.v[h], y.v[h]); });
}

#endif

inline IntLanes load_four(const uint8_t* q) {
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  return int_broadcast(four);
}

}  // namespace
}  // namespace lupo::cpu
