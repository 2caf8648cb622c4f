// The 4-bit float E2M1 (sign, 2 bits of exponent, 1 of mantissa) of MXFP4 and NVFP4: ±{0, ½, 1, 1½, 2, 3, 4, 6}.
// Source: OCP Microscaling Formats (MX) specification 1.0, §5.3.3.
#pragma once

#include <cmath>
#include <cstdint>

namespace lupo {

// Twice the value, so that the table is of integers.
inline constexpr int8_t kE2m1Twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// The code whose half_scale · kE2m1Twice lies nearest to x; the lowest code of equals.
inline int nearest_e2m1(float x, float half_scale) {
  int best = 0;
  float best_error = std::fabs(x);
  for (int code = 1; code < 16; ++code) {
    const float error = std::fabs(half_scale * static_cast<float>(kE2m1Twice[code]) - x);
    if (error < best_error) {
      best = code;
      best_error = error;
    }
  }
  return best;
}

}  // namespace lupo
