// Kernels over rows of activations: norms, rotary embedding, activations. One table of each instruction set.
//
// Rows are F32 and need no alignment; out may be an operand itself (not for rope) and overlaps none otherwise. Sums are in f32,
// in lanes: a reduction over n values has a relative error of about (n / 32 + 6) · 2^-24. All functions are pure and thread-safe.
#pragma once

#include <cstdint>

#include "graph/activation.h"

namespace lupo::cpu {

// One token of n_head heads of P values that share b and c [N]: scan of attrs.h. n_a: 1 or N values of a for each head.
struct ScanToken {
  const float *x, *dt, *a, *b, *c, *d;  // [P, n_head], [n_head], [n_a, n_head], [N], [N], [n_head]
  float* out;                           // [P, n_head]
  int64_t n_head, head_dim, n_state, n_a;
};

// One token of n of the Dv values of a head: delta of attrs.h.
struct DeltaToken {
  const float *q, *k, *v;  // [Dk], [Dk], [n]
  float g, beta;
  float* out;  // [n]
  int64_t key_dim, n;
};

// n_tokens tokens of one sequence, n of the Dv values of a head; rows of successive tokens are a stride apart.
struct DeltaRun {
  const float *q, *k, *v;                         // [Dk, T], [Dk, T], [n, T]
  const float *g, *beta;                          // [T]
  float* out;                                     // [n, T]
  int64_t key_stride, value_stride, gate_stride;  // floats
  int64_t n_tokens, key_dim, n;
};

inline constexpr int64_t kDeltaChunk = 16;       // tokens of one set of products; 24, 32 and 48 measured slower
inline constexpr int64_t kDeltaColumnsMax = 32;  // values at a time, of the widest instruction set

constexpr int64_t delta_width(int64_t key_dim) { return (key_dim + 15) / 16 * 16; }  // Dk in whole vectors
constexpr int64_t delta_scratch_floats(int64_t key_dim, int64_t n) {
  const int64_t n_columns = (n + kDeltaColumnsMax - 1) / kDeltaColumnsMax * kDeltaColumnsMax;
  return delta_width(key_dim) * (2 * kDeltaChunk + n_columns) + kDeltaChunk * (2 * kDeltaChunk + 3 + kDeltaColumnsMax);
}

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
  // n channels of one token: out[i] = bias[i] + Σ_j weight[j, i] · x[j][i], with width rows x, weight [width, n], bias [n] or
  // null.
  void (*conv)(const float* const* x, int64_t width, const float* weight, const float* bias, float* out, int64_t n);
  void (*scan)(const ScanToken& token, float* state);    // state [N, P, n_head]
  void (*delta)(const DeltaToken& token, float* state);  // state [Dk, n]
  // As delta of each token in turn. scratch: delta_scratch_floats(Dk, n).
  void (*delta_run)(const DeltaRun& run, float* state, float* scratch);  // state [Dk, n]
};

}  // namespace lupo::cpu
