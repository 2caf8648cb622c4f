// How far a float or integer dot product of length n may lie from the exact one. For the parity tests of kernels.
#pragma once

#include <cmath>
#include <cstdint>

namespace lupo {

// Single-precision arithmetic in any order of summation, with or without FMA, against exact arithmetic on the same operands.
//
// Every product passes at most n − 1 additions and two multiplications (its own and one by a scale), each of relative error
// u = 2^-24, so the error is at most (n + 1) u Σ|wᵢ xᵢ| to first order (Higham, Accuracy and Stability of Numerical Algorithms,
// §3.1). `sum_abs` = Σ|wᵢ xᵢ|; for a type with a minimum, computed apart, Σ (|scale · q| + |min|) |xᵢ|.
inline double float_dot_tolerance(int64_t n, double sum_abs) { return static_cast<double>(n + 1) * 0x1p-24 * sum_abs; }

// Activations rounded to integer codes in groups of 32 with the scale d = amax / code_max, against the dot product of the
// unrounded ones.
//
// Rounding errors eᵢ are uniform in ±d/2 with d ≤ x_amax / code_max, where x_amax is the largest |xᵢ| of the whole row: their
// variance is d²/12. Independent of the weights, Σ wᵢ eᵢ has variance n · weight_rms² · d²/12; six standard deviations are passed
// once in 5·10⁸ dot products. Integer sums are exact; what floats add is one rounding for each group of 16 or 32 values and a few
// in the scales: at most (n/16 + 8) u Σ|wᵢ xᵢ| ≤ (n/16 + 8) u n · weight_rms · x_amax by Cauchy and Schwarz. weight_rms is the
// root mean square of the decoded weights; of |scale · q| + |min| where minima are summed apart and nearly cancel.
inline double code_dot_tolerance(int64_t n, double weight_rms, double x_amax, int code_max) {
  const double length = static_cast<double>(n);
  const double rounding = 6 * weight_rms * std::sqrt(length / 12) * x_amax / code_max;
  const double summation = (length / 16 + 8) * 0x1p-24 * length * weight_rms * x_amax;
  return rounding + summation;
}

}  // namespace lupo
