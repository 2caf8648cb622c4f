// 64 codes and 16 floats in two registers each. Included by simd_block_x86.h inside its namespace.
#pragma once

struct Codes64 {
  Codes a, b;
};
struct Codes128 {
  Codes64 low, high;
};
struct I32x16 {
  __m256i a, b;
};
struct F32x16 {
  F32x8 a, b;
};

inline Codes64 load_64(const void* p) { return {load_32(p), load_32(static_cast<const char*>(p) + 32)}; }
inline Codes low(Codes64 c) { return c.a; }
inline Codes high(Codes64 c) { return c.b; }
inline Codes64 join(Codes a, Codes b) { return {a, b}; }
inline Codes field_32(Codes c, int shift, int mask) {
  const __m256i shifted = shift > 0 ? _mm256_srli_epi16(c.v, shift) : shift < 0 ? _mm256_slli_epi16(c.v, -shift) : c.v;
  return {_mm256_and_si256(shifted, bytes_of(mask))};
}
inline Codes64 field(Codes64 c, int shift, int mask) { return {field_32(c.a, shift, mask), field_32(c.b, shift, mask)}; }

inline Codes nibbles(const void* p) {
  const __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  return {_mm256_and_si256(_mm256_srlv_epi32(twice, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4)), bytes_of(15))};
}
inline Codes64 nibbles_of_two(const void* a, const void* b) { return {nibbles(a), nibbles(b)}; }

template <int kStride>
inline Codes128 nibbles_of_four(const void* p) {
  const auto sixteen = [p](int i) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const char*>(p) + i * kStride));
  };
  const Codes64 all{Codes{_mm256_set_m128i(sixteen(1), sixteen(0))}, Codes{_mm256_set_m128i(sixteen(3), sixteen(2))}};
  return {field(all, 0, 15), field(all, 4, 15)};
}

inline Codes64 fields(const void* p, int shift_a, int shift_b, int mask) {
  const Codes c = load_32(p);
  return {field_32(c, shift_a, mask), field_32(c, shift_b, mask)};
}
inline Codes64 or_fields(Codes64 c, const void* p, int shift_a, int shift_b, int mask) {
  const Codes64 x = fields(p, shift_a, shift_b, mask);
  return {Codes{_mm256_or_si256(c.a.v, x.a.v)}, Codes{_mm256_or_si256(c.b.v, x.b.v)}};
}

// Bytes of ones where a bit is set.
inline __m256i is_set(uint32_t bits) {
  const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit_of = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), byte_of);
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
}
inline Codes add_where_32(Codes c, uint32_t bits, int value) {
  return {_mm256_or_si256(c.v, _mm256_and_si256(is_set(bits), bytes_of(value)))};
}
inline Codes64 add_where(Codes64 c, uint32_t bits_a, uint32_t bits_b, int value) {
  return {add_where_32(c.a, bits_a, value), add_where_32(c.b, bits_b, value)};
}
// Bytes of ones where a bit of the 16 of each half is set: bits 0 … 15 of both words, or 16 … 31.
inline __m256i is_set_of_two(__m256i words, int half) {
  const __m256i byte_of = _mm256_set_epi64x(0x0101010101010101, 0, 0x0101010101010101, 0);
  const __m256i bit_of = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i spread = _mm256_shuffle_epi8(words, _mm256_add_epi8(byte_of, bytes_of(2 * half)));
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
}
inline __m256i two_words(uint32_t a, uint32_t b) {
  return _mm256_blend_epi32(_mm256_set1_epi32(static_cast<int>(a)), _mm256_set1_epi32(static_cast<int>(b)), 0xf0);
}
inline Codes add_where_two(Codes c, __m256i words, int half, int value) {
  return {_mm256_or_si256(c.v, _mm256_and_si256(is_set_of_two(words, half), bytes_of(value)))};
}
inline Codes128 add_where(Codes128 c, uint32_t a, uint32_t b, uint32_t d, uint32_t e, int value) {
  const __m256i first = two_words(a, b), second = two_words(d, e);
  return {Codes64{add_where_two(c.low.a, first, 0, value), add_where_two(c.low.b, second, 0, value)},
          Codes64{add_where_two(c.high.a, first, 1, value), add_where_two(c.high.b, second, 1, value)}};
}
inline Codes negate_where_32(Codes c, uint32_t bits) {
  const __m256i ones = is_set(bits);
  return {_mm256_sub_epi8(_mm256_xor_si256(c.v, ones), ones)};
}
inline Codes64 negate_where(Codes64 c, uint64_t bits) {
  return {negate_where_32(c.a, static_cast<uint32_t>(bits)), negate_where_32(c.b, static_cast<uint32_t>(bits >> 32))};
}
inline Codes64 words(const uint64_t (&w)[8]) {
  const auto four = [&w](int i) {
    return _mm256_setr_epi64x(static_cast<int64_t>(w[i]), static_cast<int64_t>(w[i + 1]), static_cast<int64_t>(w[i + 2]),
                              static_cast<int64_t>(w[i + 3]));
  };
  return {Codes{four(0)}, Codes{four(4)}};
}
inline Codes64 lookup(const int8_t* table, Codes64 c) {
  const __m256i t = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  return {Codes{_mm256_shuffle_epi8(t, c.a.v)}, Codes{_mm256_shuffle_epi8(t, c.b.v)}};
}
inline Codes128 lookup(const int8_t* table, Codes128 c) { return {lookup(table, c.low), lookup(table, c.high)}; }

#if defined(LUPO_ISA_VNNI)
// The first operand of the dot product is unsigned: wide codes plus kWideOffset; the others are as they are.
template <bool kWide>
inline __m256i unsigned_codes(Codes w) {
  return kWide ? _mm256_xor_si256(w.v, bytes_of(kWideOffset)) : w.v;
}
// sum + products with 32 digits. Those of the high digits count 256 times.
inline __m256i add_digit(__m256i sum, __m256i w, const int8_t* digit) {
  return _mm256_dpbusd_avx_epi32(sum, w, load_32(digit).v);
}
template <bool kWide>
inline I32x16 dot(Codes64 w, const int8_t* high, const int8_t* low) {
  const __m256i u = unsigned_codes<kWide>(w.a), v = unsigned_codes<kWide>(w.b), zero = _mm256_setzero_si256();
  return {add_digit(_mm256_slli_epi32(add_digit(zero, u, high), 8), u, low),
          add_digit(_mm256_slli_epi32(add_digit(zero, v, high + 32), 8), v, low + 32)};
}
template <bool kWide>
inline __m256i dot_twice(Codes w, Codes x, const int8_t* high, const int8_t* low) {
  const __m256i u = unsigned_codes<kWide>(w), v = unsigned_codes<kWide>(x), zero = _mm256_setzero_si256();
  const __m256i highs = add_digit(add_digit(zero, u, high), v, high + 64);
  return add_digit(add_digit(_mm256_slli_epi32(highs, 8), u, low), v, low + 64);
}
template <bool kWide>
inline I32x16 dot_quad(Codes128 w, const int8_t* high, const int8_t* low) {
  return {dot_twice<kWide>(w.low.a, w.high.a, high, low), dot_twice<kWide>(w.low.b, w.high.b, high + 32, low + 32)};
}
// Of activations of 8 bits, in the order of the codes.
template <bool kWide>
inline I32x16 dot_bytes(Codes64 w, const int8_t* a) {
  const __m256i zero = _mm256_setzero_si256();
  return {add_digit(zero, unsigned_codes<kWide>(w.a), a), add_digit(zero, unsigned_codes<kWide>(w.b), a + 32)};
}
template <bool kWide, int /*kShortSums*/>
inline I32x16 dot_quad_bytes(Codes128 w, const int8_t* a) {
  const I32x16 first = dot_bytes<kWide>(w.low, a);
  return {add_digit(first.a, unsigned_codes<kWide>(w.high.a), a + 64), add_digit(first.b, unsigned_codes<kWide>(w.high.b), a + 96)};
}
#else
template <bool kWide>
inline I32x16 dot(Codes64 w, const int8_t* even, const int8_t* odd) {
  return {word_products<kWide>(w.a.v, even, odd), word_products<kWide>(w.b.v, even + 32, odd + 32)};
}
template <bool kWide>
inline I32x16 dot_quad(Codes128 w, const int8_t* even, const int8_t* odd) {
  const I32x16 first = dot<kWide>(w.low, even, odd), second = dot<kWide>(w.high, even + 64, odd + 64);
  return {_mm256_add_epi32(first.a, second.a), _mm256_add_epi32(first.b, second.b)};
}
// Of activations of 8 bits, in the order of the codes.
template <bool kWide>
inline I32x16 dot_bytes(Codes64 w, const int8_t* a) {
  return {widened(byte_products<kWide>(w.a.v, a)), widened(byte_products<kWide>(w.b.v, a + 32))};
}
template <bool kWide, int kShortSums>
inline I32x16 dot_quad_bytes(Codes128 w, const int8_t* a) {
  return {two_products<kWide, kShortSums>(w.low.a.v, a, w.high.a.v, a + 64),
          two_products<kWide, kShortSums>(w.low.b.v, a + 32, w.high.b.v, a + 96)};
}
#endif

inline F32x16 zero_16() { return {zero_8(), zero_8()}; }
inline F32x16 load_16(const float* p) { return {load_8(p), load_8(p + 8)}; }
inline F32x16 broadcast_16(float x) { return {broadcast_8(x), broadcast_8(x)}; }
inline F32x16 to_float(I32x16 x) { return {F32x8{_mm256_cvtepi32_ps(x.a)}, F32x8{_mm256_cvtepi32_ps(x.b)}}; }
inline F32x16 operator+(F32x16 x, F32x16 y) { return {x.a + y.a, x.b + y.b}; }
inline F32x16 operator*(F32x16 x, F32x16 y) { return {x.a * y.a, x.b * y.b}; }
inline F32x16 fma(F32x16 x, F32x16 y, F32x16 z) { return {fma(x.a, y.a, z.a), fma(x.b, y.b, z.b)}; }
inline F32x8 low(F32x16 x) { return x.a; }
inline F32x8 high(F32x16 x) { return x.b; }
inline float sum(F32x16 x) { return sum(x.a + x.b); }
inline float sum(F32x16 x, F32x16 y, float factor) { return sum(fma(y.a + y.b, broadcast_8(factor), x.a + x.b)); }
inline float sum_high(F32x16 x, F32x16 y, float factor) { return sum(fma(y.b, broadcast_8(factor), x.a + x.b)); }
inline F32x16 from_u8_16(uint64_t a, uint64_t b) { return {from_u8(a), from_u8(b)}; }
inline F32x8 from_i8(const int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
inline F32x16 from_i8_16(const int8_t* p) { return {from_i8(p), from_i8(p + 8)}; }

inline F32x16 join(F32x8 x, F32x8 y) { return {x, y}; }
inline F32x16 two_halves(const void* p) {
  uint16_t bits[2];
  __builtin_memcpy(bits, p, 4);
  return {broadcast_8(half(bits[0])), broadcast_8(half(bits[1]))};
}

template <int kStride, int kAt>
inline F32x8 strided_halves_8(const void* p) {
  const char* byte = static_cast<const char*>(p);
  const auto at = [byte](int i) {
    uint16_t bits;
    __builtin_memcpy(&bits, byte + kAt + i * kStride, 2);
    return bits;
  };
  __m128i h = _mm_cvtsi32_si128(at(0));
  h = _mm_insert_epi16(h, at(1), 1);
  h = _mm_insert_epi16(h, at(2), 2);
  h = _mm_insert_epi16(h, at(3), 3);
  h = _mm_insert_epi16(h, at(4), 4);
  h = _mm_insert_epi16(h, at(5), 5);
  h = _mm_insert_epi16(h, at(6), 6);
  h = _mm_insert_epi16(h, at(7), 7);
  return {_mm256_cvtph_ps(h)};
}
template <int kStride, int kA, int kB>
inline F32x16 strided_halves(const void* p) {
  const F32x8 a = strided_halves_8<kStride, kA>(p);
  if constexpr (kA == kB) return {a, a};
  return {a, strided_halves_8<kStride, kB>(p)};
}

inline F32x8 permute(F32x8 x, __m256i lane) { return {_mm256_permutevar8x32_ps(x.v, lane)}; }
inline F32x16 twice(F32x8 x) {
  return {permute(x, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3)), permute(x, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7))};
}
inline F32x16 spread_32(F32x16 groups, int pair) {
  return {permute(groups.a, _mm256_set1_epi32(2 * pair)), permute(groups.a, _mm256_set1_epi32(2 * pair + 1))};
}
inline F32x16 spread_16(F32x16 groups, int part) {
  const F32x8 half = part < 2 ? groups.a : groups.b;
  const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), _mm256_set1_epi32(4 * (part % 2)));
  return {permute(half, lane), permute(half, _mm256_add_epi32(lane, _mm256_set1_epi32(2)))};
}
