// Kernels over rows of activations: norms, rotary embedding, activations. One table of each instruction set.
//
// Rows are F32 and need no alignment; out may be an operand itself (not for rope) and overlaps none otherwise. Sums are in f32,
// in lanes: a reduction over n values has a relative error of about (n / 32 + 6) · 2^-24. All functions are pure and thread-safe.
#pragma once

#include <cstdint>

#include "graph/activation.h"

namespace lupo::cpu {

struct VectorKernels {
  // One group of n values as in NormAttrs; weight and bias [n] or null.
  void (*norm)(const float* x, const float* weight, const float* bias, float* out, int64_t n, float eps, bool rms);
  // One head [D]: n_rot leading values turn by the angles of cosine and sine [n_rot/2], the rest is copied.
  void (*rope)(const float* x, float* out, int64_t head_dim, int64_t n_rot, bool neox, const float* cosine, const float* sine);
  void (*activate)(Activation act, const float* x, float* out, int64_t n);
  void (*glu)(Activation act, const float* gate, const float* up, float* out, int64_t n);  // act(gate) · up
  void (*add)(const float* a, const float* b, float* out, int64_t n);
  void (*mul)(const float* a, const float* b, float* out, int64_t n);
  void (*scale)(const float* x, float factor, float* out, int64_t n);
  void (*softcap)(const float* x, float cap, float* out, int64_t n);  // cap · tanh(x / cap)
};

}  // namespace lupo::cpu
