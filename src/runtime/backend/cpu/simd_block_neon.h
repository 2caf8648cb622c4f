// simd_block.h for aarch64 with the dot-product instructions.
#pragma once

namespace lupo::cpu {
namespace {

struct Codes {
  uint8x16_t a, b;
};
struct Codes64 {
  Codes a, b;
};
struct Codes128 {
  Codes64 low, high;
};
struct I32x16 {
  int32x4_t v[4];
};
struct F32x8 {
  float32x4_t a, b;
};
struct F32x16 {
  F32x8 a, b;
};

inline Codes load_32(const void* p) {
  const uint8_t* byte = static_cast<const uint8_t*>(p);
  return {vld1q_u8(byte), vld1q_u8(byte + 16)};
}
inline Codes64 load_64(const void* p) { return {load_32(p), load_32(static_cast<const char*>(p) + 32)}; }
inline Codes low(Codes64 c) { return c.a; }
inline Codes high(Codes64 c) { return c.b; }
inline Codes64 join(Codes a, Codes b) { return {a, b}; }
inline Codes subtract(Codes c, int offset) {
  const uint8x16_t o = vdupq_n_u8(static_cast<uint8_t>(offset));
  return {vsubq_u8(c.a, o), vsubq_u8(c.b, o)};
}
inline Codes field_32(Codes c, int shift, int mask) {
  const int8x16_t left = vdupq_n_s8(static_cast<int8_t>(-shift));
  const uint8x16_t m = vdupq_n_u8(static_cast<uint8_t>(mask));
  return {vandq_u8(vshlq_u8(c.a, left), m), vandq_u8(vshlq_u8(c.b, left), m)};
}
inline Codes64 field(Codes64 c, int shift, int mask) { return {field_32(c.a, shift, mask), field_32(c.b, shift, mask)}; }
inline Codes nibbles(const void* p) {
  const uint8x16_t bytes = vld1q_u8(static_cast<const uint8_t*>(p));
  return {vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4)};
}
inline Codes64 nibbles_of_two(const void* a, const void* b) { return {nibbles(a), nibbles(b)}; }
template <int kStride>
inline Codes128 nibbles_of_four(const void* p) {
  const auto sixteen = [p](int i) { return vld1q_u8(static_cast<const uint8_t*>(p) + i * kStride); };
  const Codes64 all{Codes{sixteen(0), sixteen(1)}, Codes{sixteen(2), sixteen(3)}};
  return {field(all, 0, 15), field(all, 4, 15)};
}
inline Codes64 fields(const void* p, int shift_a, int shift_b, int mask) {
  const Codes c = load_32(p);
  return {field_32(c, shift_a, mask), field_32(c, shift_b, mask)};
}
inline Codes64 or_fields(Codes64 c, const void* p, int shift_a, int shift_b, int mask) {
  const Codes64 x = fields(p, shift_a, shift_b, mask);
  return {Codes{vorrq_u8(c.a.a, x.a.a), vorrq_u8(c.a.b, x.a.b)}, Codes{vorrq_u8(c.b.a, x.b.a), vorrq_u8(c.b.b, x.b.b)}};
}
// Bytes of ones where a bit is set.
inline Codes is_set(uint32_t bits) {
  const uint8x16_t bytes = vreinterpretq_u8_u32(vdupq_n_u32(bits));
  const uint8x16_t first = vcombine_u8(vdup_n_u8(0), vdup_n_u8(1)), second = vcombine_u8(vdup_n_u8(2), vdup_n_u8(3));
  const uint8x16_t bit_of = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
  return {vtstq_u8(vqtbl1q_u8(bytes, first), bit_of), vtstq_u8(vqtbl1q_u8(bytes, second), bit_of)};
}
inline Codes add_where_32(Codes c, uint32_t bits, int value) {
  const uint8x16_t v = vdupq_n_u8(static_cast<uint8_t>(value));
  const Codes ones = is_set(bits);
  return {vorrq_u8(c.a, vandq_u8(ones.a, v)), vorrq_u8(c.b, vandq_u8(ones.b, v))};
}
inline Codes64 add_where(Codes64 c, uint32_t bits_a, uint32_t bits_b, int value) {
  return {add_where_32(c.a, bits_a, value), add_where_32(c.b, bits_b, value)};
}
inline Codes128 add_where(Codes128 c, uint32_t a, uint32_t b, uint32_t d, uint32_t e, int value) {
  const auto low_halves = [](uint32_t x, uint32_t y) { return (x & 0xffff) | y << 16; };
  const auto high_halves = [](uint32_t x, uint32_t y) { return x >> 16 | (y & 0xffff0000); };
  return {add_where(c.low, low_halves(a, b), low_halves(d, e), value),
          add_where(c.high, high_halves(a, b), high_halves(d, e), value)};
}
inline Codes negate_where_32(Codes c, uint32_t bits) {
  const Codes ones = is_set(bits);
  return {vsubq_u8(veorq_u8(c.a, ones.a), ones.a), vsubq_u8(veorq_u8(c.b, ones.b), ones.b)};
}
inline Codes64 negate_where(Codes64 c, uint64_t bits) {
  return {negate_where_32(c.a, static_cast<uint32_t>(bits)), negate_where_32(c.b, static_cast<uint32_t>(bits >> 32))};
}
inline Codes64 words(const uint64_t (&w)[8]) { return load_64(w); }
inline Codes64 lookup(const int8_t* table, Codes64 c) {
  const uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(table));
  return {Codes{vqtbl1q_u8(t, c.a.a), vqtbl1q_u8(t, c.a.b)}, Codes{vqtbl1q_u8(t, c.b.a), vqtbl1q_u8(t, c.b.b)}};
}
inline Codes128 lookup(const int8_t* table, Codes128 c) { return {lookup(table, c.low), lookup(table, c.high)}; }

inline constexpr int kActivationBias = 0;
inline constexpr bool kWords = false;
inline constexpr int kWideOffset = 0;

inline int32x4_t four_products(int32x4_t sum, uint8x16_t w, uint8x16_t q) {
  return vdotq_s32(sum, vreinterpretq_s8_u8(w), vreinterpretq_s8_u8(q));
}
// 256 times what `high` gives, and what `low` gives.
inline int32x4_t digit_products(uint8x16_t w, const int8_t* high, const int8_t* low) {
  const auto digits = [](const int8_t* p) { return vreinterpretq_u8_s8(vld1q_s8(p)); };
  return four_products(vshlq_n_s32(four_products(vdupq_n_s32(0), w, digits(high)), 8), w, digits(low));
}
template <bool kWide>
inline I32x16 dot(Codes64 w, const int8_t* high, const int8_t* low) {
  return {{digit_products(w.a.a, high, low), digit_products(w.a.b, high + 16, low + 16),
           digit_products(w.b.a, high + 32, low + 32), digit_products(w.b.b, high + 48, low + 48)}};
}
template <bool kWide>
inline I32x16 dot_quad(Codes128 w, const int8_t* high, const int8_t* low) {
  const I32x16 first = dot<kWide>(w.low, high, low), second = dot<kWide>(w.high, high + 64, low + 64);
  return {{vaddq_s32(first.v[0], second.v[0]), vaddq_s32(first.v[1], second.v[1]), vaddq_s32(first.v[2], second.v[2]),
           vaddq_s32(first.v[3], second.v[3])}};
}

// Of activations of 8 bits, in the order of the codes.
inline int32x4_t byte_products(int32x4_t sum, uint8x16_t w, const int8_t* a) {
  return four_products(sum, w, vreinterpretq_u8_s8(vld1q_s8(a)));
}
inline I32x16 add_bytes(const I32x16& sum, Codes64 w, const int8_t* a) {
  return {{byte_products(sum.v[0], w.a.a, a), byte_products(sum.v[1], w.a.b, a + 16), byte_products(sum.v[2], w.b.a, a + 32),
           byte_products(sum.v[3], w.b.b, a + 48)}};
}
template <bool kWide>
inline I32x16 dot_bytes(Codes64 w, const int8_t* a) {
  return add_bytes({{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}}, w, a);
}
template <bool kWide, int /*kShortSums*/>
inline I32x16 dot_quad_bytes(Codes128 w, const int8_t* a) {
  return add_bytes(dot_bytes<kWide>(w.low, a), w.high, a + 64);
}

inline F32x8 broadcast_8(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
inline F32x16 broadcast_16(float x) { return {broadcast_8(x), broadcast_8(x)}; }
inline F32x8 zero_8() { return broadcast_8(0); }
inline F32x16 zero_16() { return broadcast_16(0); }
inline F32x8 load_8(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
inline F32x16 load_16(const float* p) { return {load_8(p), load_8(p + 8)}; }
inline F32x16 to_float(I32x16 x) {
  return {F32x8{vcvtq_f32_s32(x.v[0]), vcvtq_f32_s32(x.v[1])}, F32x8{vcvtq_f32_s32(x.v[2]), vcvtq_f32_s32(x.v[3])}};
}
inline F32x8 operator+(F32x8 x, F32x8 y) { return {vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b)}; }
inline F32x8 operator*(F32x8 x, F32x8 y) { return {vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b)}; }
inline F32x8 fma(F32x8 x, F32x8 y, F32x8 z) { return {vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b)}; }
inline F32x16 operator+(F32x16 x, F32x16 y) { return {x.a + y.a, x.b + y.b}; }
inline F32x16 operator*(F32x16 x, F32x16 y) { return {x.a * y.a, x.b * y.b}; }
inline F32x16 fma(F32x16 x, F32x16 y, F32x16 z) { return {fma(x.a, y.a, z.a), fma(x.b, y.b, z.b)}; }
inline F32x8 low(F32x16 x) { return x.a; }
inline F32x8 high(F32x16 x) { return x.b; }
inline float sum(F32x8 x) { return vaddvq_f32(vaddq_f32(x.a, x.b)); }
inline float sum(F32x16 x) { return sum(x.a + x.b); }
inline float sum(F32x16 x, F32x16 y, float factor) { return sum(fma(y.a + y.b, broadcast_8(factor), x.a + x.b)); }
inline float sum_high(F32x16 x, F32x16 y, float factor) { return sum(fma(y.b, broadcast_8(factor), x.a + x.b)); }

inline float half(uint16_t bits) { return half_to_float(bits); }
inline F32x8 from_u8(uint64_t bytes) {
  const uint16x8_t x = vmovl_u8(vcreate_u8(bytes));
  return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(x))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(x)))};
}
inline F32x8 from_i8(const int8_t* p) {
  const int16x8_t x = vmovl_s8(vld1_s8(p));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(x))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(x)))};
}
inline F32x16 from_u8_16(uint64_t a, uint64_t b) { return {from_u8(a), from_u8(b)}; }
inline float32x4_t four_exponents(uint32x4_t e) {
  const uint32x4_t subnormal = vandq_u32(vceqq_u32(e, vdupq_n_u32(0)), vdupq_n_u32(0x400000));
  return vreinterpretq_f32_u32(vorrq_u32(vshlq_n_u32(e, 23), subnormal));
}
inline F32x8 exponents(uint64_t bytes) {
  const uint16x8_t e = vmovl_u8(vcreate_u8(bytes));
  return {four_exponents(vmovl_u16(vget_low_u16(e))), four_exponents(vmovl_u16(vget_high_u16(e)))};
}

// Bits of value dealt to bytes, kBits to each.
template <int kBits>
inline uint64_t deal(uint64_t value) {
  uint64_t bytes = 0;
  for (int i = 0; i < 8; ++i) bytes |= static_cast<uint64_t>((value >> (kBits * i)) & ((1u << kBits) - 1)) << (8 * i);
  return bytes;
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
  uint16_t bits[8];
  for (int i = 0; i < 8; ++i) __builtin_memcpy(bits + i, static_cast<const char*>(p) + kAt + i * kStride, 2);
  const float16x8_t h = vreinterpretq_f16_u16(vld1q_u16(bits));
  return {vcvt_f32_f16(vget_low_f16(h)), vcvt_f32_f16(vget_high_f16(h))};
}
template <int kStride, int kA, int kB>
inline F32x16 strided_halves(const void* p) {
  const F32x8 a = strided_halves_8<kStride, kA>(p);
  if constexpr (kA == kB) return {a, a};
  return {a, strided_halves_8<kStride, kB>(p)};
}

inline F32x16 twice(F32x8 x) {
  return {F32x8{vzip1q_f32(x.a, x.a), vzip2q_f32(x.a, x.a)}, F32x8{vzip1q_f32(x.b, x.b), vzip2q_f32(x.b, x.b)}};
}
inline F32x16 spread_32(F32x16 groups, int pair) {
  const float32x4_t four = pair < 2 ? groups.a.a : groups.a.b;
  return {broadcast_8(four[pair % 2 * 2]), broadcast_8(four[pair % 2 * 2 + 1])};
}
inline F32x16 spread_16(F32x16 groups, int part) {
  const F32x8 eight = part < 2 ? groups.a : groups.b;
  const float32x4_t four = part % 2 == 0 ? eight.a : eight.b;
  return {F32x8{vdupq_n_f32(four[0]), vdupq_n_f32(four[1])}, F32x8{vdupq_n_f32(four[2]), vdupq_n_f32(four[3])}};
}

// Transposes 4 rows of 4 32-bit values.
inline void transpose(uint32x4_t (&r)[4]) {
  const uint64x2_t a = vreinterpretq_u64_u32(vtrn1q_u32(r[0], r[1])), b = vreinterpretq_u64_u32(vtrn2q_u32(r[0], r[1]));
  const uint64x2_t c = vreinterpretq_u64_u32(vtrn1q_u32(r[2], r[3])), d = vreinterpretq_u64_u32(vtrn2q_u32(r[2], r[3]));
  r[0] = vreinterpretq_u32_u64(vtrn1q_u64(a, c));
  r[1] = vreinterpretq_u32_u64(vtrn1q_u64(b, d));
  r[2] = vreinterpretq_u32_u64(vtrn2q_u64(a, c));
  r[3] = vreinterpretq_u32_u64(vtrn2q_u64(b, d));
}

// The 8 × 8 transpose in quarters: row(r, h) gives values 4 h … 4 h + 3 of row r.
template <class Row>
inline void store_quarters(Row row, uint32_t* out, int64_t stride) {
  for (int top = 0; top < 8; top += 4) {
    for (int h = 0; h < 2; ++h) {
      uint32x4_t r[4] = {row(top, h), row(top + 1, h), row(top + 2, h), row(top + 3, h)};
      transpose(r);
      for (int i = 0; i < 4; ++i) vst1q_u32(out + (4 * h + i) * stride + top, r[i]);
    }
  }
}

#if defined(LUPO_ISA_I8MM)
// Group i of eight codes of row r goes to out + 64 i + 8 r (bytes); 4 groups, 8 rows: a panel has no more.
inline void store_transposed(const Codes (&rows)[8], int8_t* out, int64_t) {
  for (int r = 0; r < 8; r += 2) {
    const auto put = [&](uint8x16_t x, uint8x16_t y, int group) {
      const uint64x2_t a = vreinterpretq_u64_u8(x), b = vreinterpretq_u64_u8(y);
      vst1q_s8(out + 64 * group + 8 * r, vreinterpretq_s8_u64(vzip1q_u64(a, b)));
      vst1q_s8(out + 64 * (group + 1) + 8 * r, vreinterpretq_s8_u64(vzip2q_u64(a, b)));
    };
    put(rows[r].a, rows[r + 1].a, 0);
    put(rows[r].b, rows[r + 1].b, 2);
  }
}
#else
// Group i of four codes of row r goes to out + i · stride + 4 r (bytes); 8 groups, 8 rows.
inline void store_transposed(const Codes (&rows)[8], int8_t* out, int64_t stride) {
  store_quarters([&](int r, int h) { return vreinterpretq_u32_u8(h == 0 ? rows[r].a : rows[r].b); },
                 reinterpret_cast<uint32_t*>(out), stride / 4);
}
#endif

// Value i of row r goes to out[i · stride + r].
inline void store_transposed(const F32x8 (&rows)[8], float* out, int64_t stride) {
  store_quarters([&](int r, int h) { return vreinterpretq_u32_f32(h == 0 ? rows[r].a : rows[r].b); },
                 reinterpret_cast<uint32_t*>(out), stride);
}

inline constexpr int kLanes = 4;
inline constexpr int kTileVectors = 2, kTileTokens = 4;  // 8 integer and 8 float sums of 32 registers
struct FloatLanes {
  float32x4_t v;
};
inline FloatLanes lanes_broadcast(float x) { return {vdupq_n_f32(x)}; }
inline FloatLanes lanes_zero() { return lanes_broadcast(0); }
inline FloatLanes lanes_load(const float* p) { return {vld1q_f32(p)}; }
inline void lanes_store(float* p, FloatLanes x) { vst1q_f32(p, x.v); }
inline FloatLanes operator*(FloatLanes x, FloatLanes y) { return {vmulq_f32(x.v, y.v)}; }
inline FloatLanes operator+(FloatLanes x, FloatLanes y) { return {vaddq_f32(x.v, y.v)}; }
inline FloatLanes fma(FloatLanes x, FloatLanes y, FloatLanes z) { return {vfmaq_f32(z.v, x.v, y.v)}; }
inline float sum(FloatLanes x) { return vaddvq_f32(x.v); }
inline FloatLanes load_halves(const uint16_t* p) { return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))}; }
inline FloatLanes load_bf16(const uint16_t* p) { return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))}; }

struct IntLanes {
  int32x4_t v;
};
inline IntLanes int_load(const void* p) { return {vld1q_s32(static_cast<const int32_t*>(p))}; }
inline void int_store(void* p, IntLanes x) { vst1q_s32(static_cast<int32_t*>(p), x.v); }
inline IntLanes int_broadcast(int32_t x) { return {vdupq_n_s32(x)}; }
inline FloatLanes to_float(IntLanes x) { return {vcvtq_f32_s32(x.v)}; }
// sum + the products of four signed codes of each row (w) and four activations (q, the same in all lanes).
template <bool kWide>
inline IntLanes add_dot(IntLanes sum, IntLanes w, IntLanes q) {
  return {vdotq_s32(sum.v, vreinterpretq_s8_s32(w.v), vreinterpretq_s8_s32(q.v))};
}
template <bool kWide>
inline IntLanes subtract_bias(IntLanes sum, IntLanes) {
  return sum;
}
inline IntLanes times_256(IntLanes x) { return {vshlq_n_s32(x.v, 8)}; }
inline IntLanes operator+(IntLanes x, IntLanes y) { return {vaddq_s32(x.v, y.v)}; }
inline IntLanes load_four(const uint8_t* q) {
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  return int_broadcast(four);
}

}  // namespace
}  // namespace lupo::cpu
