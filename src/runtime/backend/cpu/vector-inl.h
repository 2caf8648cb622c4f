// The functions of VectorKernels over Vec. Parsed by the isa/*.cpp files alone, after the target pragma.
#pragma once

#include "runtime/backend/cpu/simd_float.h"

namespace lupo::cpu {
namespace {
namespace simd {

void norm(const float* x, const float* weight, const float* bias, float* out, int64_t n, float eps, bool rms) {
  const auto reduce = [n](const float* row, auto term) {
    Vec a{}, b{};
    int64_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
      a += term(load(row + i));
      b += term(load(row + i + W));
    }
    float sum = sum_lanes(a + b);
    for (; i < n; ++i) sum += term(splat(row[i]))[0];
    return sum;
  };
  const float count = static_cast<float>(n);
  const float mean = rms ? 0.0f : reduce(x, [=](Vec v) { return v; }) / count;
  const Vec center = splat(mean);
  const float squares = reduce(x, [center](Vec v) { return (v - center) * (v - center); });
  const Vec inverse = splat(1.0f / __builtin_sqrtf(squares / count + eps));
  if (weight && bias)
    map(
        out, n, [=](Vec v, Vec w, Vec b) { return fma((v - center) * inverse, w, b); }, x, weight, bias);
  else if (weight)
    map(
        out, n, [=](Vec v, Vec w) { return (v - center) * inverse * w; }, x, weight);
  else if (bias)
    map(
        out, n, [=](Vec v, Vec b) { return (v - center) * inverse + b; }, x, bias);
  else
    map(
        out, n, [=](Vec v) { return (v - center) * inverse; }, x);
}

// Plain loops: the compiler vectorises them, shuffles of the pairs included.
void rope(const float* __restrict x, float* __restrict out, int64_t head_dim, int64_t n_rot, bool neox,
          const float* __restrict cosine, const float* __restrict sine) {
  const int64_t half = n_rot / 2;
  if (neox) {
    for (int64_t i = 0; i < half; ++i) {
      out[i] = x[i] * cosine[i] - x[i + half] * sine[i];
      out[i + half] = x[i] * sine[i] + x[i + half] * cosine[i];
    }
  } else {
    for (int64_t i = 0; i < half; ++i) {
      out[2 * i] = x[2 * i] * cosine[i] - x[2 * i + 1] * sine[i];
      out[2 * i + 1] = x[2 * i] * sine[i] + x[2 * i + 1] * cosine[i];
    }
  }
  for (int64_t i = n_rot; i < head_dim; ++i) out[i] = x[i];
}

// Calls body(f) with f the activation on Vec.
template <class Body>
inline void with_activation(Activation act, Body body) {
  const Vec one = splat(1.0f), zero = splat(0.0f);
  switch (act) {
    case Activation::silu: return body([=](Vec x) { return x / (one + exp(-x)); });
    // ½ x (1 + tanh u) = x / (1 + e^-2u), u = √(2/π) (x + 0.044715 x³)
    case Activation::gelu:
      return body([=](Vec x) { return x / (one + exp(splat(-1.59576912f) * fma(splat(0.044715f) * x, x * x, x))); });
    case Activation::gelu_erf:
      return body([=](Vec x) {
        for (int i = 0; i < W; ++i) x[i] = 0.5f * x[i] * (1.0f + __builtin_erff(x[i] * 0.707106781f));
        return x;
      });
    case Activation::relu: return body([=](Vec x) { return greater_of(x, zero); });
    case Activation::relu_squared: return body([=](Vec x) { return greater_of(x, zero) * greater_of(x, zero); });
    case Activation::sigmoid: return body([=](Vec x) { return one / (one + exp(-x)); });
    case Activation::tanh: return body([=](Vec x) { return tanh(x); });
  }
}

void activate(Activation act, const float* x, float* out, int64_t n) {
  with_activation(act, [=](auto f) { map(out, n, f, x); });
}

void glu(Activation act, const float* gate, const float* up, float* out, int64_t n) {
  with_activation(act, [=](auto f) {
    map(
        out, n, [f](Vec g, Vec u) { return f(g) * u; }, gate, up);
  });
}

void add(const float* a, const float* b, float* out, int64_t n) {
  map(
      out, n, [=](Vec x, Vec y) { return x + y; }, a, b);
}

void mul(const float* a, const float* b, float* out, int64_t n) {
  map(
      out, n, [=](Vec x, Vec y) { return x * y; }, a, b);
}

void scale(const float* x, float factor, float* out, int64_t n) {
  map(
      out, n, [f = splat(factor)](Vec v) { return v * f; }, x);
}

void softcap(const float* x, float cap, float* out, int64_t n) {
  map(
      out, n, [c = splat(cap), inverse = splat(1.0f / cap)](Vec v) { return c * tanh(v * inverse); }, x);
}

constexpr VectorKernels kVectorKernels{norm, rope, activate, glu, add, mul, scale, softcap};

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
