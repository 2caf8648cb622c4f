// delta_run of VectorKernels: many tokens of the gated delta rule at once, as small matrix products over Vec (chunks in the WY
// representation: Yang et al. 2024, arXiv 2406.06484 and 2412.06464). Parsed by the isa/*.cpp files alone, after the target
// pragma.
//
// With S the state before a chunk and D[t, s] = exp(g_{s+1} + … + g_t), what token t adds to the state is u_t k_tᵀ with
//   u_t = beta_t (v_t − exp(g_1 + … + g_t) S k_t) − Σ_{s<t} A[t, s] u_s,  A[t, s] = beta_t D[t, s] k_t·k_s
//   out_t = exp(g_1 + … + g_t) S q_t + Σ_{s<=t} P[t, s] u_s,              P[t, s] = D[t, s] q_t·k_s
// and after its n tokens S is exp(g_1 + … + g_n) S + Σ_s D[n, s] u_s k_sᵀ. Decays are exp of sums of the gates they span, never
// differences or quotients: they are as exact where gates are strongly negative.
#pragma once

#include "runtime/backend/cpu/products-inl.h"

namespace lupo::cpu {
namespace {
namespace simd {

static_assert(kDeltaChunk % kProductRows == 0 && kDeltaChunk % W == 0 && kPanelColumns <= kDeltaColumnsMax);

// n of a panel's columns in a row of many: loaded with zeros behind them, or stored.
inline void load_columns(const float* row, int64_t n, Vec (&v)[2]) {
  for (int j = 0; j < 2; ++j, row += W, n -= W) v[j] = n >= W ? load(row) : n > 0 ? load_part(row, n) : Vec{};
}
inline void store_columns(float* row, int64_t n, const Vec (&v)[2]) {
  for (int j = 0; j < 2; ++j, row += W, n -= W) {
    if (n >= W)
      store(row, v[j]);
    else if (n > 0)
      store_part(row, v[j], n);
  }
}

// The buffers of one run, cut from its scratch, and the chunk that is being worked on. Rows behind its last token are zeros.
struct DeltaChunk {
  const DeltaRun& run;
  int64_t width;                    // Dk padded with zeros
  float *keys, *queries;            // [width, kDeltaChunk]
  float *among_keys, *among_query;  // [kDeltaChunk, kDeltaChunk] A and P
  float* spans;                     // [kDeltaChunk] of each token the sum of the gates after it
  float* decay;                     // [kDeltaChunk] D of the last token
  float* grown;                     // [kDeltaChunk] exp of the sum of the gates up to a token
  float* changes;                   // [kPanelColumns, kDeltaChunk] u of one panel
  float* panels;                    // [kPanelColumns, width] of each panel its part of the state
  int64_t first = 0, n = 0;         // tokens

  DeltaChunk(const DeltaRun& of, float* scratch) : run(of), width(delta_width(of.key_dim)) {
    const auto take = [&scratch](int64_t size) { return scratch += size, scratch - size; };
    keys = take(width * kDeltaChunk);
    queries = take(width * kDeltaChunk);
    among_keys = take(kDeltaChunk * kDeltaChunk);
    among_query = take(kDeltaChunk * kDeltaChunk);
    spans = take(kDeltaChunk);
    decay = take(kDeltaChunk);
    grown = take(kDeltaChunk);
    changes = take(kPanelColumns * kDeltaChunk);
    panels = scratch;
  }

  int64_t n_padded() const { return (n + kProductRows - 1) / kProductRows * kProductRows; }
  float gate(int64_t t) const { return t < n ? run.g[(first + t) * run.gate_stride] : 0; }
  float beta(int64_t t) const { return t < n ? run.beta[(first + t) * run.gate_stride] : 0; }
  // The values of token t < n from `column` on.
  const float* values(int64_t t, int64_t column) const { return run.v + (first + t) * run.value_stride + column; }
  int64_t columns(int64_t column) const { return run.n - column < kPanelColumns ? run.n - column : kPanelColumns; }
};

// The state [Dk, n] to panels, or back.
inline void turn_state(const DeltaChunk& c, float* state, bool back) {
  for (int64_t column = 0; column < c.run.n; column += kPanelColumns) {
    float* panel = c.panels + column * c.width;
    if (!back) __builtin_memset(panel, 0, static_cast<size_t>(kPanelColumns * c.width) * sizeof(float));
    for (int64_t i = 0; i < c.run.key_dim; ++i)
      for (int64_t j = 0; j < c.columns(column); ++j) {
        float &in_state = state[(column + j) * c.run.key_dim + i], &in_panel = panel[i * kPanelColumns + j];
        back ? in_state = in_panel : in_panel = in_state;
      }
  }
}

inline void load_rows(const DeltaChunk& c, const float* from, float* to) {
  for (int64_t t = 0; t < kDeltaChunk; ++t, to += c.width) {
    const float* row = from + (c.first + t) * c.run.key_stride;
    for (int64_t i = 0; i < c.width; i += W) {
      const int64_t left = t < c.n ? c.run.key_dim - i : 0;
      store(to + i, left >= W ? load(row + i) : left > 0 ? load_part(row + i, left) : Vec{});
    }
  }
}

// Row t of A and P: dot products with four keys at a time, then their decays.
inline void fill_row(const DeltaChunk& c, int64_t t) {
  float *a = c.among_keys + t * kDeltaChunk, *p = c.among_query + t * kDeltaChunk;
  const float *key = c.keys + t * c.width, *query = c.queries + t * c.width;
  for (int64_t s = 0; s <= t; s += 4) {
    const float* others = c.keys + s * c.width;
    Vec of_key[4] = {}, of_query[4] = {};
    for (int64_t i = 0; i < c.width; i += W)
      for (int64_t m = 0; m < 4; ++m) {
        const Vec other = load(others + m * c.width + i);
        of_query[m] = fma(load(query + i), other, of_query[m]);
        of_key[m] = fma(load(key + i), other, of_key[m]);
      }
    sum_lanes<4>(of_query, p + s);
    sum_lanes<4>(of_key, a + s);
  }
  const Vec beta = splat(c.beta(t));
  for (int64_t s = 0; s <= t; s += W) {
    const Vec d = exp(load(c.spans + s));
    store(c.decay + s, d);
    store(p + s, load(p + s) * d);
    store(a + s, load(a + s) * d * beta);
  }
  for (int64_t s = t; s < kDeltaChunk; ++s) a[s] = 0;
  for (int64_t s = t + 1; s < kDeltaChunk; ++s) p[s] = 0;
}

inline void begin_chunk(const DeltaChunk& c) {
  load_rows(c, c.run.k, c.keys);
  load_rows(c, c.run.q, c.queries);
  float sum = 0;
  for (int64_t t = 0; t < kDeltaChunk; ++t) c.spans[t] = 0;
  for (int64_t t = 0; t < c.n_padded(); ++t) {
    const float g = c.gate(t);
    for (int64_t s = 0; s < t; ++s) c.spans[s] += g;
    c.grown[t] = sum += g;
    fill_row(c, t);
  }
  for (int64_t t = 0; t < kDeltaChunk; t += W) store(c.grown + t, exp(load(c.grown + t)));
}

// u of the panel: blocks of rows in turn, and in a block row after row.
inline void solve(const DeltaChunk& c, int64_t column, const float* panel) {
  const int64_t n_columns = c.columns(column);
  for (int64_t t = 0; t < c.n_padded(); t += kProductRows) {
    ProductTile read = {}, among = {};
    add_products(c.keys + t * c.width, c.width, 1, panel, c.run.key_dim, read);
    add_products(c.among_keys + t * kDeltaChunk, kDeltaChunk, 1, c.changes, t, among);
    float* u = c.changes + t * kPanelColumns;
    for (int r = 0; r < kProductRows; ++r, u += kPanelColumns) {
      const float* a = c.among_keys + (t + r) * kDeltaChunk + t;
      const Vec beta = splat(c.beta(t + r)), grown = splat(c.grown[t + r]);
      Vec change[2] = {};
      if (t + r < c.n) load_columns(c.values(t + r, column), n_columns, change);
      for (int j = 0; j < 2; ++j) change[j] = beta * (change[j] - grown * read[r][j]) - among[r][j];
      for (int s = 0; s < r; ++s)
        for (int j = 0; j < 2; ++j) change[j] = fma(splat(-a[s]), load(u + (s - r) * kPanelColumns + j * W), change[j]);
      store(u, change[0]);
      store(u + W, change[1]);
    }
  }
}

inline void write_out(const DeltaChunk& c, int64_t column, const float* panel) {
  const int64_t n_columns = c.columns(column);
  for (int64_t t = 0; t < c.n; t += kProductRows) {
    ProductTile sum = {};
    add_products(c.queries + t * c.width, c.width, 1, panel, c.run.key_dim, sum);
    for (int r = 0; r < kProductRows; ++r)
      for (Vec& part : sum[r]) part *= splat(c.grown[t + r]);
    add_products(c.among_query + t * kDeltaChunk, kDeltaChunk, 1, c.changes, t + kProductRows, sum);
    for (int64_t r = 0; r < kProductRows && t + r < c.n; ++r) {
      store_columns(c.run.out + (c.first + t + r) * c.run.value_stride + column, n_columns, sum[r]);
    }
  }
}

inline void change_state(const DeltaChunk& c, float* panel) {
  float* u = c.changes;
  for (int64_t s = 0; s < c.n; ++s, u += kPanelColumns) {
    store(u, load(u) * splat(c.decay[s]));
    store(u + W, load(u + W) * splat(c.decay[s]));
  }
  const Vec grown = splat(c.grown[c.n - 1]);
  for (int64_t i = 0; i < c.run.key_dim; i += kProductRows) {
    ProductTile sum;
    float* row = panel + i * kPanelColumns;
    for (int r = 0; r < kProductRows; ++r)
      for (int j = 0; j < 2; ++j) sum[r][j] = load(row + r * kPanelColumns + j * W) * grown;
    add_products(c.keys + i, 1, c.width, c.changes, c.n, sum);
    for (int r = 0; r < kProductRows; ++r)
      for (int j = 0; j < 2; ++j) store(row + r * kPanelColumns + j * W, sum[r][j]);
  }
}

void delta_run(const DeltaRun& run, float* state, float* scratch) {
  DeltaChunk chunk(run, scratch);
  turn_state(chunk, state, false);
  for (; chunk.first < run.n_tokens; chunk.first += chunk.n) {
    const int64_t left = run.n_tokens - chunk.first;
    chunk.n = left < kDeltaChunk ? left : kDeltaChunk;
    begin_chunk(chunk);
    for (int64_t column = 0; column < run.n; column += kPanelColumns) {
      float* panel = chunk.panels + column * chunk.width;
      solve(chunk, column, panel);
      write_out(chunk, column, panel);
      change_state(chunk, panel);
    }
  }
  turn_state(chunk, state, true);
}

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
