// What the tests of row and state kernels are given.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace lupo::cpu {

inline constexpr double kUnit = 0x1p-24;  // half an ulp of 1

// n normally distributed values around 0.
inline std::vector<float> draw(int64_t n, float deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace lupo::cpu
