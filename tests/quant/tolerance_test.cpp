// The derived tolerances hold, and are not so wide that a wrong kernel would pass.
#include "quant/tolerance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "quant/type.h"

namespace lupo {
namespace {

struct Errors {
  double of_int8, of_float;  // largest share of the tolerance
};

Errors largest_errors(int64_t n, int trials) {
  std::mt19937 random(static_cast<unsigned>(n));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> w(static_cast<std::size_t>(n)), x(w.size()), rounded(w.size());
  Errors largest{};
  for (int trial = 0; trial < trials; ++trial) {
    for (float& value : w) value = uniform(random);
    for (float& value : x) value = uniform(random);
    double exact = 0, of_rounded = 0, sum_abs = 0, sum_squares = 0, x_amax = 0;
    float in_float = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      float amax = 0;  // of the group of 32 that i is in
      for (std::size_t j = i / 32 * 32; j < i / 32 * 32 + 32; ++j) amax = std::max(amax, std::fabs(x[j]));
      const double d = double{amax} / 127;
      exact += double{w[i]} * double{x[i]};
      of_rounded += double{w[i]} * d * std::round(double{x[i]} / d);
      in_float += w[i] * x[i];
      sum_abs += std::fabs(double{w[i]} * double{x[i]});
      sum_squares += double{w[i]} * double{w[i]};
      x_amax = std::max(x_amax, double{amax});
    }
    const double weight_rms = std::sqrt(sum_squares / static_cast<double>(n));
    largest.of_int8 = std::max(largest.of_int8, std::fabs(of_rounded - exact) / code_dot_tolerance(n, weight_rms, x_amax, 127));
    largest.of_float = std::max(largest.of_float, std::fabs(double{in_float} - exact) / float_dot_tolerance(n, sum_abs));
  }
  return largest;
}

TEST(Tolerance, HoldsAndIsNotWide) {
  for (int64_t n : {32, 256, 4096}) {
    const Errors largest = largest_errors(n, n == 4096 ? 40 : 400);
    EXPECT_LT(largest.of_int8, 1) << n;
    EXPECT_GT(largest.of_int8, 0.2) << n;
    EXPECT_LT(largest.of_float, 1) << n;
    EXPECT_GT(largest.of_float, 0) << n;
  }
}

}  // namespace
}  // namespace lupo
