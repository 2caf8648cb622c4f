// The functions of VectorKernels over Vec. Parsed by the isa/*.cpp files alone, after the target pragma.
#pragma once

#include "runtime/backend/cpu/delta-inl.h"
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
    // max(x, 0) + ln(1 + z), z = e^−|x|; ln(1 + z) = 2 artanh s, s = z / (2 + z) <= 1/3: the odd terms up to s^15.
    case Activation::softplus:
      return body([=](Vec x) {
        const Vec z = exp(-greater_of(x, -x)), s = z / (splat(2.0f) + z), square = s * s;
        Vec sum = splat(2.0f / 15);
        for (int k = 13; k > 0; k -= 2) sum = fma(sum, square, splat(2.0f / static_cast<float>(k)));
        return greater_of(x, zero) + s * sum;
      });
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

// A width that the compiler knows lets it load the weights of W channels at once.
template <int kWidth>
void conv_of_width(const float* const* x, const float* __restrict weight, const float* bias, float* __restrict out, int64_t n) {
  const float* row[kWidth];
  for (int j = 0; j < kWidth; ++j) row[j] = x[j];
  for (int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (int j = 0; j < kWidth; ++j) sum += weight[i * kWidth + j] * row[j][i];
    out[i] = sum;
  }
  if (bias) add(out, bias, out, n);
}

void conv(const float* const* x, int64_t width, const float* weight, const float* bias, float* out, int64_t n) {
  if (width == 3) return conv_of_width<3>(x, weight, bias, out, n);
  if (width == 4) return conv_of_width<4>(x, weight, bias, out, n);
  for (int64_t i = 0; i < n; ++i) {
    float sum = bias ? bias[i] : 0;
    for (int64_t j = 0; j < width; ++j) sum += weight[i * width + j] * x[j][i];
    out[i] = sum;
  }
}

// kRows rows of a head's state share b, c and the decay.
template <int kRows, class Decay>
inline void scan_rows(const ScanToken& t, int64_t h, int64_t row, float* state, Decay decay) {
  const int64_t n = t.n_state;
  Vec gain[kRows], sum[kRows] = {};
  for (int r = 0; r < kRows; ++r) gain[r] = splat(t.dt[h] * t.x[row + r]);
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    const Vec b = load(t.b + i), c = load(t.c + i), d = decay(i, W);
    for (int r = 0; r < kRows; ++r) {
      const Vec next = fma(gain[r], b, load(state + r * n + i) * d);
      store(state + r * n + i, next);
      sum[r] = fma(next, c, sum[r]);
    }
  }
  if (i < n) {
    const Vec b = load_part(t.b + i, n - i), c = load_part(t.c + i, n - i), d = decay(i, n - i);
    for (int r = 0; r < kRows; ++r) {
      const Vec next = fma(gain[r], b, load_part(state + r * n + i, n - i) * d);
      store_part(state + r * n + i, next, n - i);
      sum[r] = fma(next, c, sum[r]);
    }
  }
  float dot[kRows];
  sum_lanes<kRows>(sum, dot);
  for (int r = 0; r < kRows; ++r) t.out[row + r] = dot[r] + t.d[h] * t.x[row + r];
}

void scan(const ScanToken& t, float* state) {
  for (int64_t h = 0; h < t.n_head; ++h) {
    const float* a = t.a + h * t.n_a;
    const Vec dt = splat(t.dt[h]), one = t.n_a == 1 ? exp(dt * splat(a[0])) : dt;
    const auto same = [one](int64_t, int64_t) { return one; };
    const auto own = [=](int64_t i, int64_t n) { return exp(dt * (n == W ? load(a + i) : load_part(a + i, n))); };
    int64_t row = h * t.head_dim;
    const int64_t end = row + t.head_dim;
    if (t.n_a == 1)
      for (; row + 4 <= end; row += 4) scan_rows<4>(t, h, row, state + row * t.n_state, same);
    for (; row < end; ++row) {
      float* one_row = state + row * t.n_state;
      t.n_a == 1 ? scan_rows<1>(t, h, row, one_row, same) : scan_rows<1>(t, h, row, one_row, own);
    }
  }
}

// kRows rows of the state at once share q and k. The decayed row is read twice: its products with k and q give what is written,
// and qᵀ of the new row is qᵀ of the old one and its share of k.
template <int kRows>
inline void delta_rows(const DeltaToken& t, float decay, float k_dot_q, int64_t row, float* state) {
  const int64_t n = t.key_dim, whole = n / W * W, rest = n - whole;
  Vec sum[2 * kRows] = {};  // of each row its products with k and with q
  const auto gather = [&sum](int r, Vec s, Vec k, Vec q) {
    sum[2 * r] = fma(s, k, sum[2 * r]);
    sum[2 * r + 1] = fma(s, q, sum[2 * r + 1]);
  };
  for (int64_t i = 0; i < whole; i += W)
    for (int r = 0; r < kRows; ++r) gather(r, load(state + r * n + i), load(t.k + i), load(t.q + i));
  if (rest > 0)
    for (int r = 0; r < kRows; ++r)
      gather(r, load_part(state + r * n + whole, rest), load_part(t.k + whole, rest), load_part(t.q + whole, rest));
  float dot[2 * kRows];
  sum_lanes<2 * kRows>(sum, dot);
  Vec change[kRows];
  for (int r = 0; r < kRows; ++r) {
    const float c = t.beta * (t.v[row + r] - decay * dot[2 * r]);
    t.out[row + r] = decay * dot[2 * r + 1] + c * k_dot_q;
    change[r] = splat(c);
  }
  for (int64_t i = 0; i < whole; i += W)
    for (int r = 0; r < kRows; ++r)
      store(state + r * n + i, fma(change[r], load(t.k + i), load(state + r * n + i) * splat(decay)));
  if (rest > 0)
    for (int r = 0; r < kRows; ++r)
      store_part(state + r * n + whole,
                 fma(change[r], load_part(t.k + whole, rest), load_part(state + r * n + whole, rest) * splat(decay)), rest);
}

void delta(const DeltaToken& t, float* state) {
  const float decay = exp(splat(t.g))[0];
  Vec sum{};
  int64_t i = 0;
  for (; i + W <= t.key_dim; i += W) sum = fma(load(t.q + i), load(t.k + i), sum);
  float k_dot_q = sum_lanes(sum);
  for (; i < t.key_dim; ++i) k_dot_q += t.q[i] * t.k[i];
  int64_t row = 0;
  for (; row + 4 <= t.n; row += 4) delta_rows<4>(t, decay, k_dot_q, row, state + row * t.key_dim);
  for (; row < t.n; ++row) delta_rows<1>(t, decay, k_dot_q, row, state + row * t.key_dim);
}

constexpr VectorKernels kVectorKernels{norm, rope, activate, glu, add, mul, scale, softcap, conv, scan, delta, delta_run};

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
