// 64 codes and 16 floats in one register each. Included by simd_block_x86.h inside its namespace.
#pragma once

struct Codes64 {
  __m512i v;
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
inline Codes64 load_activations(const uint8_t* p) { return {_mm512_xor_si512(load_64(p).v, bytes_512(0x80))}; }

inline Codes64 field(Codes64 c, int shift, int mask) {
  return {_mm512_and_si512(shift > 0 ? _mm512_srli_epi16(c.v, static_cast<unsigned>(shift)) : c.v, bytes_512(mask))};
}

inline Codes64 nibbles_of_two(const void* a, const void* b) {
  const __m512i first = _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(a)));
  const __m512i both = _mm512_mask_broadcast_i32x4(first, 0xff00, _mm_loadu_si128(static_cast<const __m128i*>(b)));
  const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4);
  return {_mm512_and_si512(_mm512_srlv_epi32(both, shift), bytes_512(15))};
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
inline Codes64 lookup(const int8_t* table, Codes64 c) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), c.v)};
}

template <bool kWide>
inline I32x16 dot(Codes64 w, Codes64 a) {
#if defined(LUPO_ISA_VNNI)
  return {_mm512_dpbusd_epi32(_mm512_setzero_si512(), kWide ? _mm512_xor_si512(w.v, bytes_512(0x80)) : w.v, a.v)};
#else
  const __m256i first = four_products<kWide>(low(w).v, low(a).v), second = four_products<kWide>(high(w).v, high(a).v);
  return {_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1)};
#endif
}

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
inline F32x16 from_u8_16(uint64_t a, uint64_t b) {
  const __m128i bytes = _mm_set_epi64x(static_cast<int64_t>(b), static_cast<int64_t>(a));
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}
inline F32x16 from_i8_16(const int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}

// Picked from two or three overlapping loads of 32 words within the eight blocks.
template <int kStride, int kAt = 0>
inline F32x8 strided_halves(const void* p) {
  constexpr int kWords = kStride / 2, kFirst = kAt / 2, kEnd = 8 * kWords;
  static_assert(kStride % 2 == 0 && kEnd >= 64);
  const uint16_t* word = static_cast<const uint16_t*>(p);
  const auto index = [](int i, int base) { return static_cast<int16_t>(kFirst + i * kWords - base); };
  if constexpr (kFirst + 7 * kWords < 64) {
    const __m512i pick = _mm512_castsi128_si512(
        _mm_setr_epi16(index(0, 0), index(1, 0), index(2, 0), index(3, 0), index(4, 0), index(5, 0), index(6, 0), index(7, 0)));
    const __m512i picked = _mm512_permutex2var_epi16(_mm512_loadu_si512(word), pick, _mm512_loadu_si512(word + 32));
    return {_mm256_cvtph_ps(_mm512_castsi512_si128(picked))};
  } else if constexpr (kEnd <= 96) {
    constexpr int kLast = kEnd - 32;  // the third load, which ends with the eighth block
    const auto from_two = [&](int i) { return kFirst + i * kWords < 64 ? index(i, 0) : int16_t{0}; };
    const auto from_last = [&](int i) { return kFirst + i * kWords < 64 ? static_cast<int16_t>(i) : index(i, kLast - 32); };
    const __m512i pick = _mm512_castsi128_si512(
        _mm_setr_epi16(from_two(0), from_two(1), from_two(2), from_two(3), from_two(4), from_two(5), from_two(6), from_two(7)));
    const __m512i pick_last = _mm512_castsi128_si512(_mm_setr_epi16(from_last(0), from_last(1), from_last(2), from_last(3),
                                                                    from_last(4), from_last(5), from_last(6), from_last(7)));
    const __m512i most = _mm512_permutex2var_epi16(_mm512_loadu_si512(word), pick, _mm512_loadu_si512(word + 32));
    const __m512i picked = _mm512_permutex2var_epi16(most, pick_last, _mm512_loadu_si512(word + kLast));
    return {_mm256_cvtph_ps(_mm512_castsi512_si128(picked))};
  } else {
    __m128i h = _mm_cvtsi32_si128(word[kFirst]);
    h = _mm_insert_epi16(h, word[kFirst + kWords], 1);
    h = _mm_insert_epi16(h, word[kFirst + 2 * kWords], 2);
    h = _mm_insert_epi16(h, word[kFirst + 3 * kWords], 3);
    h = _mm_insert_epi16(h, word[kFirst + 4 * kWords], 4);
    h = _mm_insert_epi16(h, word[kFirst + 5 * kWords], 5);
    h = _mm_insert_epi16(h, word[kFirst + 6 * kWords], 6);
    h = _mm_insert_epi16(h, word[kFirst + 7 * kWords], 7);
    return {_mm256_cvtph_ps(h)};
  }
}

inline F32x16 twice(F32x8 a) {
  const __m512i lane = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  return {_mm512_permutexvar_ps(lane, _mm512_castps256_ps512(a.v))};
}
inline F32x16 spread(F32x8 groups, int pair) {
  const __m512i lane = _mm512_inserti64x4(_mm512_set1_epi32(2 * pair), _mm256_set1_epi32(2 * pair + 1), 1);
  return {_mm512_permutexvar_ps(lane, _mm512_castps256_ps512(groups.v))};
}
inline F32x16 spread(F32x16 groups, int pair) {
  const __m512i lane = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return {_mm512_permutexvar_ps(_mm512_add_epi32(lane, _mm512_set1_epi32(4 * pair)), groups.v)};
}
