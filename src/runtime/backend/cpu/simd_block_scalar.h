// simd_block.h in plain C++: what the other instruction sets must agree with.
#pragma once

namespace lupo::cpu {
namespace {

struct Codes {
  uint8_t v[32];
};
struct Codes64 {
  uint8_t v[64];
};
struct Codes128 {
  Codes64 low, high;
};
struct I32x16 {
  int32_t v[16];
};
struct F32x8 {
  float v[8];
};
struct F32x16 {
  float v[16];
};

// A vector whose element i is f(i). A call of its own: inlined, these loops would take minutes to compile.
template <class Vector, class F>
[[gnu::noinline]] Vector fill(F f) {
  Vector r;
  for (int i = 0; i < static_cast<int>(sizeof(r.v) / sizeof(r.v[0])); ++i) r.v[i] = f(i);
  return r;
}
template <class Vector>
inline Vector load_bytes(const void* p) {
  Vector r;
  __builtin_memcpy(r.v, p, sizeof(r.v));
  return r;
}

inline Codes load_32(const void* p) { return load_bytes<Codes>(p); }
inline Codes64 load_64(const void* p) { return load_bytes<Codes64>(p); }
inline Codes low(const Codes64& c) { return load_bytes<Codes>(c.v); }
inline Codes high(const Codes64& c) { return load_bytes<Codes>(c.v + 32); }
inline Codes64 join(const Codes& a, const Codes& b) {
  return fill<Codes64>([&](int i) { return i < 32 ? a.v[i] : b.v[i - 32]; });
}
inline Codes subtract(const Codes& c, int offset) {
  return fill<Codes>([&](int i) { return static_cast<uint8_t>(c.v[i] - offset); });
}
inline uint8_t shifted(uint8_t byte, int shift) { return static_cast<uint8_t>(shift >= 0 ? byte >> shift : byte << -shift); }
inline Codes64 field(const Codes64& c, int shift, int mask) {
  return fill<Codes64>([&](int i) { return static_cast<uint8_t>(shifted(c.v[i], shift) & mask); });
}
inline Codes64 nibbles_of_two(const void* a, const void* b) {
  const uint8_t* half[2] = {static_cast<const uint8_t*>(a), static_cast<const uint8_t*>(b)};
  return fill<Codes64>([&](int i) { return static_cast<uint8_t>((half[i / 32][i % 16] >> (i % 32 / 16 * 4)) & 15); });
}
template <int kStride>
inline Codes128 nibbles_of_four(const void* p) {
  const auto byte = [p](int i) { return static_cast<const uint8_t*>(p)[i / 16 * kStride + i % 16]; };
  return {fill<Codes64>([&](int i) { return static_cast<uint8_t>(byte(i) & 15); }),
          fill<Codes64>([&](int i) { return static_cast<uint8_t>(byte(i) >> 4); })};
}
inline Codes64 fields(const void* p, int shift_a, int shift_b, int mask) {
  const uint8_t* byte = static_cast<const uint8_t*>(p);
  return fill<Codes64>([&](int i) { return static_cast<uint8_t>(shifted(byte[i % 32], i < 32 ? shift_a : shift_b) & mask); });
}
inline Codes64 or_fields(const Codes64& c, const void* p, int shift_a, int shift_b, int mask) {
  const Codes64 x = fields(p, shift_a, shift_b, mask);
  return fill<Codes64>([&](int i) { return static_cast<uint8_t>(c.v[i] | x.v[i]); });
}
inline Codes64 add_where(const Codes64& c, uint32_t bits_a, uint32_t bits_b, int value) {
  return fill<Codes64>(
      [&](int i) { return static_cast<uint8_t>(c.v[i] + ((i < 32 ? bits_a : bits_b) >> (i % 32) & 1) * value); });
}
inline Codes128 add_where(const Codes128& c, uint32_t a, uint32_t b, uint32_t d, uint32_t e, int value) {
  const uint32_t bits[4] = {a, b, d, e};
  const auto added = [&](const Codes64& codes, int shift) {
    return fill<Codes64>(
        [&](int i) { return static_cast<uint8_t>(codes.v[i] + (bits[i / 16] >> (i % 16 + shift) & 1) * value); });
  };
  return {added(c.low, 0), added(c.high, 16)};
}
inline Codes64 negate_where(const Codes64& c, uint64_t bits) {
  return fill<Codes64>([&](int i) { return static_cast<uint8_t>((bits >> i) & 1 ? -c.v[i] : c.v[i]); });
}
inline Codes64 words(const uint64_t (&w)[8]) { return load_64(w); }
inline Codes64 lookup(const int8_t* table, const Codes64& c) {
  return fill<Codes64>([&](int i) { return static_cast<uint8_t>(table[c.v[i]]); });
}
inline Codes128 lookup(const int8_t* table, const Codes128& c) { return {lookup(table, c.low), lookup(table, c.high)}; }

inline constexpr int kActivationBias = 0;
inline constexpr bool kWords = false;
inline constexpr int kWideOffset = 0;

template <bool kWide>
inline I32x16 dot(const Codes64& w, const int8_t* high, const int8_t* low) {
  return fill<I32x16>([&](int i) {
    int32_t total = 0;
    for (int j = 4 * i; j < 4 * i + 4; ++j) total += static_cast<int8_t>(w.v[j]) * (256 * high[j] + low[j]);
    return total;
  });
}
template <bool kWide>
inline I32x16 dot_quad(const Codes128& w, const int8_t* high, const int8_t* low) {
  const I32x16 first = dot<kWide>(w.low, high, low), second = dot<kWide>(w.high, high + 64, low + 64);
  return fill<I32x16>([&](int i) { return first.v[i] + second.v[i]; });
}

// Of activations of 8 bits, in the order of the codes.
template <bool kWide>
inline I32x16 dot_bytes(const Codes64& w, const int8_t* a) {
  return fill<I32x16>([&](int i) {
    int32_t total = 0;
    for (int j = 4 * i; j < 4 * i + 4; ++j) total += static_cast<int8_t>(w.v[j]) * a[j];
    return total;
  });
}
template <bool kWide, int /*kShortSums*/>
inline I32x16 dot_quad_bytes(const Codes128& w, const int8_t* a) {
  const I32x16 first = dot_bytes<kWide>(w.low, a), second = dot_bytes<kWide>(w.high, a + 64);
  return fill<I32x16>([&](int i) { return first.v[i] + second.v[i]; });
}

inline F32x8 broadcast_8(float a) {
  return fill<F32x8>([&](int) { return a; });
}
inline F32x16 broadcast_16(float a) {
  return fill<F32x16>([&](int) { return a; });
}
inline F32x8 zero_8() { return broadcast_8(0); }
inline F32x16 zero_16() { return broadcast_16(0); }
inline F32x8 load_8(const float* p) { return load_bytes<F32x8>(p); }
inline F32x16 load_16(const float* p) { return load_bytes<F32x16>(p); }
inline F32x16 to_float(const I32x16& a) {
  return fill<F32x16>([&](int i) { return static_cast<float>(a.v[i]); });
}
template <class Vector>
inline Vector added(const Vector& a, const Vector& b) {
  return fill<Vector>([&](int i) { return a.v[i] + b.v[i]; });
}
template <class Vector>
inline Vector multiplied(const Vector& a, const Vector& b) {
  return fill<Vector>([&](int i) { return a.v[i] * b.v[i]; });
}
inline F32x8 operator+(const F32x8& a, const F32x8& b) { return added(a, b); }
inline F32x16 operator+(const F32x16& a, const F32x16& b) { return added(a, b); }
inline F32x8 operator*(const F32x8& a, const F32x8& b) { return multiplied(a, b); }
inline F32x16 operator*(const F32x16& a, const F32x16& b) { return multiplied(a, b); }
inline F32x8 fma(const F32x8& a, const F32x8& b, const F32x8& c) { return a * b + c; }
inline F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) { return a * b + c; }
inline F32x8 low(const F32x16& a) { return load_8(a.v); }
inline F32x8 high(const F32x16& a) { return load_8(a.v + 8); }
inline float sum(const F32x8& a) {
  const float four[4] = {a.v[0] + a.v[4], a.v[1] + a.v[5], a.v[2] + a.v[6], a.v[3] + a.v[7]};
  return (four[0] + four[2]) + (four[1] + four[3]);
}
inline float sum(const F32x16& a) { return sum(low(a) + high(a)); }
inline float sum(const F32x16& a, const F32x16& b, float factor) { return sum(a + b * broadcast_16(factor)); }
inline float sum_high(const F32x16& a, const F32x16& b, float factor) { return sum(a) + factor * sum(high(b)); }

// Flattened: a call would need the weak symbol of half_to_float.
[[gnu::flatten]] inline float half(uint16_t bits) { return half_to_float(bits); }
template <class Vector, class Byte>
inline Vector from_bytes(const Byte* p) {
  return fill<Vector>([&](int i) { return static_cast<float>(p[i]); });
}
inline F32x8 from_u8(uint64_t bytes) { return from_bytes<F32x8>(reinterpret_cast<const uint8_t*>(&bytes)); }
inline F32x16 from_u8_16(uint64_t a, uint64_t b) {
  const uint64_t bytes[2] = {a, b};
  return from_bytes<F32x16>(reinterpret_cast<const uint8_t*>(bytes));
}
inline F32x8 exponents(uint64_t bytes) {
  return fill<F32x8>([&](int i) {
    const uint32_t e = (bytes >> (8 * i)) & 255, bits = e == 0 ? 0x400000 : e << 23;
    float power;
    __builtin_memcpy(&power, &bits, 4);
    return power;
  });
}

// Bits of value dealt to bytes, kBits to each.
template <int kBits>
inline uint64_t deal(uint64_t value) {
  uint64_t bytes = 0;
  for (int i = 0; i < 8; ++i) bytes |= static_cast<uint64_t>((value >> (kBits * i)) & ((1u << kBits) - 1)) << (8 * i);
  return bytes;
}
inline F32x16 from_i8_16(const int8_t* p) { return from_bytes<F32x16>(p); }

inline F32x16 join(const F32x8& a, const F32x8& b) {
  return fill<F32x16>([&](int i) { return i < 8 ? a.v[i] : b.v[i - 8]; });
}
inline float half_at(const void* p, int byte) {
  uint16_t bits;
  __builtin_memcpy(&bits, static_cast<const char*>(p) + byte, 2);
  return half(bits);
}
inline F32x16 two_halves(const void* p) {
  return fill<F32x16>([&](int i) { return half_at(p, i / 8 * 2); });
}
template <int kStride, int kA, int kB>
inline F32x16 strided_halves(const void* p) {
  return fill<F32x16>([&](int i) { return half_at(p, (i < 8 ? kA : kB) + i % 8 * kStride); });
}

inline F32x16 twice(const F32x8& a) {
  return fill<F32x16>([&](int i) { return a.v[i / 2]; });
}
inline F32x16 spread_32(const F32x16& groups, int pair) {
  return fill<F32x16>([&](int i) { return groups.v[2 * pair + i / 8]; });
}
inline F32x16 spread_16(const F32x16& groups, int part) {
  return fill<F32x16>([&](int i) { return groups.v[4 * part + i / 4]; });
}

// Group i of four codes of row r goes to out + i · stride + 4 r (bytes); 8 groups, 8 rows.
inline void store_transposed(const Codes (&rows)[8], int8_t* out, int64_t stride) {
  for (int r = 0; r < 8; ++r) {
    for (int i = 0; i < 8; ++i) __builtin_memcpy(out + i * stride + 4 * r, rows[r].v + 4 * i, 4);
  }
}

// Value i of row r goes to out[i · stride + r].
inline void store_transposed(const F32x8 (&rows)[8], float* out, int64_t stride) {
  for (int r = 0; r < 8; ++r) {
    for (int i = 0; i < 8; ++i) out[i * stride + r] = rows[r].v[i];
  }
}

inline constexpr int kLanes = 8;
inline constexpr int kTileVectors = 1, kTileTokens = 2;
using FloatLanes = F32x8;
inline FloatLanes lanes_zero() { return zero_8(); }
inline FloatLanes lanes_load(const float* p) { return load_8(p); }
inline void lanes_store(float* p, FloatLanes a) { __builtin_memcpy(p, a.v, sizeof(a.v)); }
inline FloatLanes lanes_broadcast(float a) { return broadcast_8(a); }
inline FloatLanes load_halves(const uint16_t* p) {
  return fill<FloatLanes>([&](int i) { return half(p[i]); });
}
inline FloatLanes load_bf16(const uint16_t* p) {
  return fill<FloatLanes>([&](int i) { return bf16_to_float(p[i]); });
}

struct IntLanes {  // four bytes or one sum a lane
  int32_t v[kLanes];
};
inline IntLanes int_load(const void* p) {
  IntLanes a;
  __builtin_memcpy(a.v, p, sizeof(a.v));
  return a;
}
inline void int_store(void* p, IntLanes a) { __builtin_memcpy(p, a.v, sizeof(a.v)); }
inline IntLanes int_broadcast(int32_t a) {
  return fill<IntLanes>([&](int) { return a; });
}
inline FloatLanes to_float(IntLanes a) {
  return fill<FloatLanes>([&](int i) { return static_cast<float>(a.v[i]); });
}
inline int32_t four_products(int32_t w, int32_t a) {
  int8_t x[4], y[4];
  __builtin_memcpy(x, &w, 4);
  __builtin_memcpy(y, &a, 4);
  return x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
}
// sum + the products of four signed codes of each row (w) and four activations (a, the same in all lanes).
template <bool kWide>
inline IntLanes add_dot(IntLanes sum, IntLanes w, IntLanes a) {
  return fill<IntLanes>([&](int i) { return sum.v[i] + four_products(w.v[i], a.v[i]); });
}
template <bool kWide>
inline IntLanes subtract_bias(IntLanes sum, IntLanes) {
  return sum;
}
inline IntLanes times_256(IntLanes a) {
  return fill<IntLanes>([&](int i) { return a.v[i] * 256; });
}
inline IntLanes operator+(IntLanes a, IntLanes b) {
  return fill<IntLanes>([&](int i) { return a.v[i] + b.v[i]; });
}
inline IntLanes load_four(const uint8_t* q) {
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  return int_broadcast(four);
}

}  // namespace
}  // namespace lupo::cpu
