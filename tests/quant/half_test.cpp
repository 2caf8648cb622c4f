// All 65536 halves, and every float where rounding to one changes: with monotony that is a proof for all floats.
#include "quant/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace lupo {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The value by the definition of the format, in double.
double half_value(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 1023);
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Half, EveryHalfDecodesAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if ((bits & 0x7fff) > 0x7c00) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_GT(float_to_half(value) & 0x7fff, 0x7c00);
      continue;
    }
    if ((bits & 0x7fff) == 0x7c00) {
      EXPECT_EQ(value, bits & 0x8000 ? -kInfinity : kInfinity);
    } else {
      ASSERT_EQ(static_cast<double>(value), half_value(bits)) << bits;
    }
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    ASSERT_EQ(float_to_half(value), half) << bits;
  }
}

// Between neighbours the middle goes to the even one, what lies to its left or right to the nearer.
TEST(Half, FloatsRoundToNearestEven) {
  for (uint16_t low = 0; low < 0x7c00; ++low) {
    const uint16_t high = static_cast<uint16_t>(low + 1), even = low % 2 == 0 ? low : high;
    const double above = high == 0x7c00 ? 65536.0 : half_value(high);  // where infinity would be
    const float middle = static_cast<float>((half_value(low) + above) / 2);
    ASSERT_EQ(float_to_half(middle), even) << low;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), low) << low;
    ASSERT_EQ(float_to_half(std::nextafter(middle, kInfinity)), high) << low;
    ASSERT_EQ(float_to_half(-middle), even | 0x8000) << low;
  }
}

TEST(Half, HardFloats) {
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(-kInfinity), 0xfc00);
  EXPECT_GT(float_to_half(std::bit_cast<float>(0x7f800001u)), 0x7c00);  // a NaN whose payload a half cannot hold
}

TEST(Bfloat16, EveryValueDecodesAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t value = static_cast<uint16_t>(bits);
    ASSERT_EQ(std::bit_cast<uint32_t>(bf16_to_float(value)), bits << 16);
    const uint16_t back = float_to_bf16(bf16_to_float(value));
    if ((bits & 0x7fff) > 0x7f80) {
      ASSERT_EQ(back, value | 0x40) << "NaN stays NaN, quiet";
    } else {
      ASSERT_EQ(back, value);
    }
  }
}

TEST(Bfloat16, FloatsRoundToNearestEven) {
  for (uint32_t low = 0; low < 0x7f80; ++low) {
    const uint32_t middle = low << 16 | 0x8000, even = low + low % 2;
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>(middle)), even);
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>(middle - 1)), low);
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>(middle + 1)), low + 1);
    ASSERT_EQ(float_to_bf16(std::bit_cast<float>(middle | 0x80000000u)), even | 0x8000);
  }
  EXPECT_GT(float_to_bf16(std::bit_cast<float>(0x7f800001u)), 0x7f80);
}

}  // namespace
}  // namespace lupo
