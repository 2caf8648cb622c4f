// 64 codes and 16 floats in one register each. Included by simd_block_x86.h inside its namespace.
#pragma once

struct Codes64 {
  __m512i v;
};
struct Codes128 {
  Codes64 low, high;
};
struct I32x16 {
  __m512i v;
};
struct F32x16 {
  __m512 v;
};

inline __m512i bytes_512(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
inline Codes64 load_64(const void* p) { return {_mm512_loadu_si512(p)}; }
inline Codes low(Codes64 c) { return {_mm512_castsi512_si256(c.v)}; }
inline Codes high(Codes64 c) { return {_mm512_extracti64x4_epi64(c.v, 1)}; }
inline Codes64 join(Codes a, Codes b) { return {_mm512_inserti64x4(_mm512_castsi256_si512(a.v), b.v, 1)}; }

inline Codes64 field(Codes64 c, int shift, int mask) {
  return {_mm512_and_si512(shift > 0 ? _mm512_srli_epi16(c.v, static_cast<unsigned>(shift)) : c.v, bytes_512(mask))};
}

inline Codes64 nibbles_of_two(const void* a, const void* b) {
  const __m512i first = _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(a)));
  const __m512i both = _mm512_mask_broadcast_i32x4(first, 0xff00, _mm_loadu_si128(static_cast<const __m128i*>(b)));
  const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4);
  return {_mm512_and_si512(_mm512_srlv_epi32(both, shift), bytes_512(15))};
}

template <int kStride>
inline Codes128 nibbles_of_four(const void* p) {
  const auto sixteen = [p](int i) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const char*>(p) + i * kStride));
  };
  __m512i all = _mm512_castsi128_si512(sixteen(0));
  all = _mm512_mask_broadcast_i32x4(all, 0x00f0, sixteen(1));
  all = _mm512_mask_broadcast_i32x4(all, 0x0f00, sixteen(2));
  all = _mm512_mask_broadcast_i32x4(all, 0xf000, sixteen(3));
  return {field({all}, 0, 15), field({all}, 4, 15)};
}

// Bytes rotated as parts of 32-bit words: bits that a mask keeps come from their own byte.
inline __m512i rotated_twice(const void* p, int shift_a, int shift_b) {
  const __m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  const __m512i shift = _mm512_inserti64x4(_mm512_set1_epi32(shift_a & 31), _mm256_set1_epi32(shift_b & 31), 1);
  return _mm512_rorv_epi32(twice, shift);
}
inline Codes64 fields(const void* p, int shift_a, int shift_b, int mask) {
  return {_mm512_and_si512(rotated_twice(p, shift_a, shift_b), bytes_512(mask))};
}
inline Codes64 or_fields(Codes64 c, const void* p, int shift_a, int shift_b, int mask) {
  return {_mm512_ternarylogic_epi32(c.v, rotated_twice(p, shift_a, shift_b), bytes_512(mask), 0xf8)};  // c | (x & mask)
}

inline Codes64 add_where(Codes64 c, uint32_t bits_a, uint32_t bits_b, int value) {
  return {_mm512_mask_add_epi8(c.v, _mm512_kunpackd(bits_b, bits_a), c.v, bytes_512(value))};
}
inline Codes128 add_where(Codes128 c, uint32_t a, uint32_t b, uint32_t d, uint32_t e, int value) {
  const auto joined = [](uint64_t w, uint64_t x, uint64_t y, uint64_t z) { return w | x << 16 | y << 32 | z << 48; };
  const auto low_half = [](uint32_t bits) { return bits & 0xffff; };
  const auto low_mask = joined(low_half(a), low_half(b), low_half(d), low_half(e));
  const auto high_mask = joined(a >> 16, b >> 16, d >> 16, e >> 16);
  return {Codes64{_mm512_mask_add_epi8(c.low.v, low_mask, c.low.v, bytes_512(value))},
          Codes64{_mm512_mask_add_epi8(c.high.v, high_mask, c.high.v, bytes_512(value))}};
}
inline Codes64 negate_where(Codes64 c, uint64_t bits) { return {_mm512_mask_sub_epi8(c.v, bits, _mm512_setzero_si512(), c.v)}; }
inline Codes64 words(const uint64_t (&w)[8]) {
  const auto word = [&w](int i) { return static_cast<int64_t>(w[i]); };
  return {_mm512_setr_epi64(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7))};
}
inline Codes64 lookup(const int8_t* table, Codes64 c) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), c.v)};
}
inline Codes128 lookup(const int8_t* table, Codes128 c) { return {lookup(table, c.low), lookup(table, c.high)}; }

// 256 times what `high` gives, and what `low` gives.
#if defined(LUPO_ISA_VNNI)
template <bool kWide>
inline __m512i unsigned_codes(Codes64 w) {
  return kWide ? _mm512_xor_si512(w.v, bytes_512(0x80)) : w.v;
}
template <bool kWide>
inline I32x16 dot(Codes64 w, const int8_t* high, const int8_t* low) {
  const __m512i u = unsigned_codes<kWide>(w);
  const __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), u, load_64(high).v);
  return {_mm512_dpbusd_epi32(_mm512_slli_epi32(sum, 8), u, load_64(low).v)};
}
template <bool kWide>
inline I32x16 dot_quad(Codes128 w, const int8_t* high, const int8_t* low) {
  const __m512i first = unsigned_codes<kWide>(w.low), second = unsigned_codes<kWide>(w.high);
  __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), first, load_64(high).v);
  sum = _mm512_slli_epi32(_mm512_dpbusd_epi32(sum, second, load_64(high + 64).v), 8);
  sum = _mm512_dpbusd_epi32(sum, first, load_64(low).v);
  return {_mm512_dpbusd_epi32(sum, second, load_64(low + 64).v)};
}
// Of activations of 8 bits, in the order of the codes.
template <bool kWide>
inline I32x16 dot_bytes(Codes64 w, const int8_t* a) {
  return {_mm512_dpbusd_epi32(_mm512_setzero_si512(), unsigned_codes<kWide>(w), load_64(a).v)};
}
template <bool kWide, int /*kShortSums*/>
inline I32x16 dot_quad_bytes(Codes128 w, const int8_t* a) {
  return {_mm512_dpbusd_epi32(dot_bytes<kWide>(w.low, a).v, unsigned_codes<kWide>(w.high), load_64(a + 64).v)};
}
#else
template <bool kWide>
inline I32x16 dot(Codes64 w, const int8_t* even, const int8_t* odd) {
  const __m256i first = word_products<kWide>(low(w).v, even, odd), second = word_products<kWide>(high(w).v, even + 32, odd + 32);
  return {_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1)};
}
template <bool kWide>
inline I32x16 dot_quad(Codes128 w, const int8_t* even, const int8_t* odd) {
  const I32x16 first = dot<kWide>(w.low, even, odd), second = dot<kWide>(w.high, even + 64, odd + 64);
  return {_mm512_add_epi32(first.v, second.v)};
}
inline I32x16 join(__m256i first, __m256i second) { return {_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1)}; }
template <bool kWide>
inline I32x16 dot_bytes(Codes64 w, const int8_t* a) {
  return join(widened(byte_products<kWide>(low(w).v, a)), widened(byte_products<kWide>(high(w).v, a + 32)));
}
template <bool kWide, int kShortSums>
inline I32x16 dot_quad_bytes(Codes128 w, const int8_t* a) {
  return join(two_products<kWide, kShortSums>(low(w.low).v, a, low(w.high).v, a + 64),
              two_products<kWide, kShortSums>(high(w.low).v, a + 32, high(w.high).v, a + 96));
}
#endif

inline F32x16 zero_16() { return {_mm512_setzero_ps()}; }
inline F32x16 load_16(const float* p) { return {_mm512_loadu_ps(p)}; }
inline F32x16 broadcast_16(float a) { return {_mm512_set1_ps(a)}; }
inline F32x16 to_float(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F32x8 low(F32x16 a) { return {_mm512_castps512_ps256(a.v)}; }
inline F32x8 high(F32x16 a) { return {_mm512_extractf32x8_ps(a.v, 1)}; }
inline float sum(F32x16 a) { return sum(low(a) + high(a)); }
inline float sum(F32x16 a, F32x16 b, float factor) { return sum(fma(b, {_mm512_set1_ps(factor)}, a)); }
inline float sum_high(F32x16 a, F32x16 b, float factor) { return sum(fma(high(b), broadcast_8(factor), low(a) + high(a))); }
inline F32x16 from_u8_16(uint64_t a, uint64_t b) {
  const __m128i bytes = _mm_set_epi64x(static_cast<int64_t>(b), static_cast<int64_t>(a));
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}
inline F32x16 from_i8_16(const int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}

inline F32x16 join(F32x8 a, F32x8 b) { return {_mm512_insertf32x8(_mm512_castps256_ps512(a.v), b.v, 1)}; }
inline F32x16 two_halves(const void* p) {
  int32_t both;
  __builtin_memcpy(&both, p, 4);
  const __m512i lane = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(1), 1);
  return {_mm512_permutexvar_ps(lane, _mm512_cvtph_ps(_mm256_set1_epi32(both)))};
}

// Which lanes of two registers of 32-bit words are picked.
struct alignas(64) Picks {
  int32_t lane[16];
};

// The words that hold the halves at kAt of the eight blocks, in lanes 0 … 7, from overlapping loads of 16 words within the
// blocks: those of the first two loads, then those of the third and of the fourth where there are any.
template <int kStride, int kAt>
inline __m512i strided_words(const void* p) {
  static_assert(kStride % 2 == 0 && kAt % 2 == 0 && kStride >= 16 && kStride <= 34);
  static constexpr auto kWord = [](int i) { return (kAt + i * kStride) / 4; };
  static constexpr auto kLoad = [](int n) { return 16 * n < 2 * kStride - 16 ? 16 * n : 2 * kStride - 16; };
  static constexpr auto kPicks = [](int n) {  // of what there is so far and load n
    Picks picks{};
    for (int i = 0; i < 8; ++i) {
      const int w = kWord(i);
      picks.lane[i] = n == 1 && w < 16 ? w : w >= 16 * n ? 16 + w - kLoad(n) : i;
    }
    return picks;
  };
  static constexpr Picks kSecond = kPicks(1), kThird = kPicks(2), kFourth = kPicks(3);
  const char* byte = static_cast<const char*>(p);
  __m512i words = _mm512_permutex2var_epi32(load_64(byte).v, load_64(kSecond.lane).v, load_64(byte + 4 * kLoad(1)).v);
  if constexpr (kWord(7) >= 32) words = _mm512_permutex2var_epi32(words, load_64(kThird.lane).v, load_64(byte + 4 * kLoad(2)).v);
  if constexpr (kWord(7) >= 48) words = _mm512_permutex2var_epi32(words, load_64(kFourth.lane).v, load_64(byte + 4 * kLoad(3)).v);
  return words;
}

// Both halves of a word become floats; those wanted are kept. A half at kB lies in the same word as that at kA, or is the same.
template <int kStride, int kA, int kB>
inline F32x16 strided_halves(const void* p) {
  static_assert(kA == kB || (kStride % 4 == 0 && kA / 4 == kB / 4));
  static constexpr Picks kKept = [] {
    Picks picks{};
    for (int i = 0; i < 16; ++i) picks.lane[i] = 2 * (i % 8) + ((i < 8 ? kA : kB) + i % 8 * kStride) / 2 % 2;
    return picks;
  }();
  const __m512i words = strided_words<kStride, kA>(p);
  return {_mm512_permutexvar_ps(load_64(kKept.lane).v, _mm512_cvtph_ps(_mm512_castsi512_si256(words)))};
}

inline F32x16 twice(F32x8 a) {
  const __m512i lane = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  return {_mm512_permutexvar_ps(lane, _mm512_castps256_ps512(a.v))};
}
inline F32x16 spread_32(F32x16 groups, int pair) {
  const __m512i lane = _mm512_inserti64x4(_mm512_set1_epi32(2 * pair), _mm256_set1_epi32(2 * pair + 1), 1);
  return {_mm512_permutexvar_ps(lane, groups.v)};
}
// Serves quads of groups of 32 as well.
inline F32x16 spread_16(F32x16 groups, int part) {
  const __m512i lane = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return {_mm512_permutexvar_ps(_mm512_add_epi32(lane, _mm512_set1_epi32(4 * part)), groups.v)};
}
