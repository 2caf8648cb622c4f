// The ops: one struct of constants each. The order of the variant is the order of enum Op.
// Operand order is stated as `in: …`; out is always a new tensor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "graph/activation.h"

namespace lupo {

enum class Op : uint8_t {
  embed,
  norm,
  linear,
  rope,
  attend,
  glu,
  activate,
  add,
  mul,
  scale,
  softcap,
  select,
  moe,
  slice,
  join,
  conv,
  scan,
  delta
};
inline constexpr int kOpCount = 18;

std::string_view op_name(Op op);

// in: weight [C, V], tokens I32 [T]; out [C, T] = scale · row of the weight.
struct EmbedAttrs {
  float scale = 1;  // gemma: sqrt(C)
};

// in: x [K, T], weight F32 [width] or kNone, bias F32 [width] or kNone. Each group of `width` values is normalised alone, so
// that width = D normalises per head. rms: x / sqrt(mean x² + eps); layer: (x − mean) / sqrt(var + eps).
struct NormAttrs {
  int64_t width;
  float eps;
  bool rms = true;
};

// in: weight [K, F] of any type, x F32 [K, T], bias F32 [F] or kNone; out F32 [F, T] = weight · x (+ bias).
struct LinearAttrs {};

// Rotary position embedding. in: x F32 [heads·D, T], positions I32 [T], factors F32 [n_rot/2] or kNone (theta is divided by
// them). Source: Su et al. 2021 (RoFormer); YaRN: Peng et al. 2023, arXiv 2309.00071.
struct RopeAttrs {
  int64_t head_dim;
  int64_t n_rot;      // leading values of a head that turn; even
  bool neox = false;  // pairs (i, i + n_rot/2); else (2i, 2i + 1)
  float freq_base = 10000;
  float freq_scale = 1;   // 1 / factor of linear scaling or YaRN
  float ext_factor = 0;   // YaRN: 1 mixes in the extrapolated angle; 0 = plain
  float attn_factor = 1;  // multiplies cos and sin, together with YaRN's own 1 + 0.1 ln(1/freq_scale)
  float beta_fast = 32, beta_slow = 1;
  int64_t n_ctx_orig = 0;  // YaRN: context of the training
};

// Grouped-query attention with a cache. in: q F32 [H·D, T], k F32 [G·D, T], v F32 [G·Dv, T], k_cache [D, N, G, S],
// v_cache [Dv, N, G, S], sinks F32 [H] or kNone. First k and v of the step are written into their cells, then each query
// attends to the cells of its own sequence: positions j with  pos − window < j <= pos  (causal). out F32 [H·Dv, T].
// k or v kNone: the layer reads a cache that an earlier layer wrote.
struct AttendAttrs {
  int64_t n_head, n_kv_head;
  int64_t head_dim, head_dim_v;
  float scale;         // of q·k
  int64_t window = 0;  // 0 = full
  float softcap = 0;   // c · tanh(s / c) on the scaled score; 0 = none
  bool causal = true;
};

// in: gate F32 [F, T], up F32 [F, T]; out = act(gate) · up.
struct GluAttrs {
  Activation act = Activation::silu;
};

struct ActivateAttrs {
  Activation act;
};                   // in: x; out = act(x)
struct AddAttrs {};  // in: a [C, T], b [C, T] or an F32 weight of C values
struct MulAttrs {};  // in: a [C, T], b [C, T] or [1, T] or an F32 weight of C values or of one
struct ScaleAttrs {
  float factor;
};  // in: x
struct SoftcapAttrs {
  float cap;
};  // in: x; out = cap · tanh(x / cap)

// in: x [C, T], outputs I32 [O]; out [C, O]: the rows that the head is computed for.
struct SelectAttrs {};

// Mixture of experts. in: x F32 [C, T], router F32 [E, T] (its raw outputs), gate [C, F, E], up [C, F, E] or kNone, down [F, C, E]
// of any type, selection F32 [E] or kNone, biases F32 [F, E], [F, E], [C, E] or kNone, scale F32 [E] or kNone. Of each token the
// n_used experts of greatest score are run; out F32 [C, T] = Σ weight · scale · down(act(gate x) · up x), without up
// down(act(gate x)). Scores are the gated router outputs, plus `selection` when experts are chosen (not weighed). Source: Shazeer
// et al. 2017, arXiv 1701.06538; the selection bias: DeepSeek-V3, arXiv 2412.19437.
enum class Gating : uint8_t {
  softmax,       // over all experts
  sigmoid,       // of each
  softmax_used,  // over those that were chosen
};
struct MoeAttrs {
  int64_t n_expert = 0, n_used = 0;
  Gating gating = Gating::softmax;
  bool normalise = false;  // weights are divided by their sum
  float weight_scale = 1;  // of the weights, at the end
  Activation act = Activation::silu;
  float limit = 0;  // > 0: gpt-oss's act(g, u) = g · sigmoid(1.702 g) · (u + 1), g at most and |u| at most the limit
};
inline constexpr float kOssSlope = 1.702f;
inline constexpr std::array<size_t, 3> kMoeMatrices = {2, 3, 4};  // where gate, up (or kNone) and down stand among the operands

// in: x F32 [n_group·W, T]; out F32 [n_group·size, T]: of each group of W values those from `offset` on.
struct SliceAttrs {
  int64_t n_group = 1;
  int64_t offset = 0, size = 0;
};

// in: a F32 [n_group·A, T], b F32 [n_group·B, T], or [B, T] that every group gets; out F32 [n_group·(A+B), T].
struct JoinAttrs {
  int64_t n_group = 1;
  bool is_shared = false;  // b has one group
};

// The ops that follow keep a state of fixed size. A sequence of the step at position 0 begins with a state of zeros, whatever is
// there; no other reset exists. R = Graph::n_fixed() states: that of slot s is the s-th.

// Causal convolution over time of each channel. in: x F32 [C, T], weight F32 [K, C], bias F32 [C] or kNone, state F32
// [C, K−1, 1, R]: the last inputs, oldest first; out F32 [C, T] = bias + Σ_j weight_j · x of K−1−j tokens before.
struct ConvAttrs {};
inline constexpr int64_t kConvWidthMax = 32;  // K

// Selective state space: of head h with P values, h ← exp(dt · a) h + dt · x bᵀ, y = h c + d · x. in: x F32 [P·H, T], dt F32
// [H, T], a F32 [1, H] or [N, H], b and c F32 [N·n_group, T], d F32 of H values, state F32 [N, P, H, R]; out F32 [P·H, T].
// Successive heads share the b and c of a group. Source: Mamba, arXiv 2312.00752 (P = 1, a for each N); Mamba 2, arXiv
// 2405.21060.
struct ScanAttrs {
  int64_t n_head, head_dim;
  int64_t n_group = 1;
};

// Gated delta rule: of each value head S ← e^g S;  S ← S + k (beta (v − Sᵀk))ᵀ;  out = Sᵀq. in: q and k F32 [Dk·n_key_head, T],
// v F32 [Dv·n_head, T], g and beta F32 [n_head, T], state F32 [Dk, Dv, n_head, R]; out F32 [Dv·n_head, T].
// Source: Gated DeltaNet, arXiv 2412.06464.
struct DeltaAttrs {
  int64_t n_head, n_key_head;
  bool tiled = false;  // value head h reads key head h mod n_key_head; else successive heads share one
};

using Attrs =
    std::variant<EmbedAttrs, NormAttrs, LinearAttrs, RopeAttrs, AttendAttrs, GluAttrs, ActivateAttrs, AddAttrs, MulAttrs,
                 ScaleAttrs, SoftcapAttrs, SelectAttrs, MoeAttrs, SliceAttrs, JoinAttrs, ConvAttrs, ScanAttrs, DeltaAttrs>;
static_assert(std::variant_size_v<Attrs> == kOpCount);

}  // namespace lupo
