// The ops: one struct of constants each.
// Operand order is stated as `in: …`; out is always a new tensor.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "graph/activation.h"

namespace lupo {

// Every op once: its name, in code, in traces and of what graph/ops defines (NAME_op), and of its constants (NAMEAttrs below).
#define LUPO_OPS(OP)            \
  OP(embed, Embed)              \
  OP(norm, Norm)                \
  OP(linear, Linear)            \
  OP(rope, Rope)                \
  OP(attend, Attend)            \
  OP(glu, Glu)                  \
  OP(activate, Activate)        \
  OP(add, Add)                  \
  OP(mul, Mul)                  \
  OP(scale, Scale)              \
  OP(softcap, Softcap)          \
  OP(select, Select)            \
  OP(moe, Moe)                  \
  OP(slice, Slice)              \
  OP(join, Join)                \
  OP(linear_heads, LinearHeads) \
  OP(clamp, Clamp)              \
  OP(xielu, Xielu)              \
  OP(temperature, Temperature)  \
  OP(conv, Conv)                \
  OP(scan, Scan)                \
  OP(delta, Delta)              \
  OP(mix, Mix)                  \
  OP(match, Match)              \
  OP(sparsify, Sparsify)        \
  OP(pool, Pool)

#define LUPO_OP(name, Name) name,
enum class Op : uint8_t { LUPO_OPS(LUPO_OP) };
#undef LUPO_OP
#define LUPO_OP(name, Name) +1
inline constexpr int kOpCount = LUPO_OPS(LUPO_OP);
#undef LUPO_OP

std::string_view op_name(Op op);

// in: weight [C, V], tokens I32 [T] or kNone (all are of row 0); out [C, T] = scale · row of the weight.
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

// in: weight [K, F] of any type, x F32 [K, T], bias F32 [F] or kNone, scale F32 [1] or kNone (of the whole weight: NVFP4 has
// one); out F32 [F, T] = scale · weight · x + bias.
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
// attends to the cells of its own sequence: positions j with  pos − window < j <= pos  (causal) or |pos − j| <= window / 2.
// out F32 [H·Dv, T]. k or v kNone: the layer reads a cache that an earlier layer wrote. v_cache kNone: the value is the leading
// Dv values of the key (multi-head latent attention, whose one KV head is the compressed key and value; DeepSeek-V2, arXiv
// 2405.04434). Both caches kNone: there is none, each query attends to the k and v of its own sequence in this step, which begins
// at position 0 (encoders). ALiBi: Press et al. 2022, arXiv 2108.12409.
struct AttendAttrs {
  int64_t n_head, n_kv_head;
  int64_t head_dim, head_dim_v;
  float scale;         // of q·k
  int64_t window = 0;  // 0 = full
  float softcap = 0;   // c · tanh(s / c) on the scaled score; 0 = none
  bool causal = true;
  bool is_chunked = false;  // the context is cut into chunks of `window`, and a query sees its own alone (llama4)
  float alibi = 0;  // > 0: −slope · |pos − j| on the score, slopes of the heads falling from 2^(−alibi / H) to 2^−alibi

  // The first position that a query sees, and the one past the last, of a sequence of which `filled` positions are known.
  int64_t first_key(int64_t pos) const {
    if (window == 0) return 0;
    return is_chunked ? pos / window * window : std::max<int64_t>(0, pos - (causal ? window - 1 : window / 2));
  }
  int64_t keys_end(int64_t pos, int64_t filled) const {
    if (causal) return pos + 1;
    return window == 0 ? filled : std::min(filled, pos + window / 2 + 1);
  }
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

// Mixture of experts. in: x F32 [C, T], router F32 [E, T] (its raw outputs), gate [C, F, E], up [C, F, E] or kNone, down [F, C,
// E] of any type, selection F32 [E] or kNone, biases F32 [F, E], [F, E], [C, E] or kNone, scales F32 [E] or kNone of gate, up and
// down. Of each token the n_used experts of greatest score are run; out F32 [C, T] = Σ weight · down(act(gate x) · up x), without
// up down(act(gate x)). Scores are the gated router outputs, plus `selection` when experts are chosen (not weighed). Of n_group
// groups of E / n_group experts only those n_group_used are chosen from whose two best scores have the greatest sum. Source:
// Shazeer et al. 2017, arXiv 1701.06538; the selection bias and groups: DeepSeek-V3, arXiv 2412.19437.
enum class Gating : uint8_t {
  softmax,       // over all experts
  sigmoid,       // of each
  softmax_used,  // over those that were chosen
};
struct MoeAttrs {
  int64_t n_expert = 0, n_used = 0;
  int64_t n_group = 1, n_group_used = 1;
  Gating gating = Gating::softmax;
  bool normalise = false;     // weights are divided by their sum
  float weight_scale = 1;     // of the weights, at the end
  bool weighs_input = false;  // x is multiplied by the weight instead of the expert's result (llama4)
  Activation act = Activation::silu;
  float limit = 0;  // > 0: gpt-oss's act(g, u) = g · sigmoid(1.702 g) · (u + 1), g at most and |u| at most the limit
  bool operator==(const MoeAttrs&) const = default;
};
inline constexpr float kOssSlope = 1.702f;
// Where gate, up (or kNone) and down stand among the operands, and how far behind each its bias and its scale.
inline constexpr std::array<size_t, 3> kMoeMatrices = {2, 3, 4};
inline constexpr size_t kMoeBias = 4, kMoeScale = 7;

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

// in: weight [K, F, H] of any type, x F32 [K·H, T]; out F32 [F·H, T]: each head's own product.
struct LinearHeadsAttrs {};

struct ClampAttrs {
  float limit;
};  // in: x; out: no further from 0 than the limit

// in: x; out = alpha_p x² + beta x where x > 0, else alpha_n (exp(min(x, eps)) − 1 − x) + beta x. Source: Huang & Schlag 2024,
// arXiv 2411.13010.
struct XieluAttrs {
  float alpha_n, alpha_p, beta, eps;
  bool operator==(const XieluAttrs&) const = default;
};

// in: x F32 [W, T], positions I32 [T]; out = x · (1 + beta · ln(1 + floor((position + offset) / n_ctx_orig))). Source: Nakanishi
// 2025 (scalable softmax), arXiv 2501.19399; llama4 and mistral3 take the logarithm of whole contexts of the training.
struct TemperatureAttrs {
  float beta;
  int64_t n_ctx_orig, offset = 0;
  bool operator==(const TemperatureAttrs&) const = default;
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

// Parallel streams of a row. in: x F32 [N·C, T], weights F32 [M·N, T]; out F32 [M·C, T]: of stream i the sum over j of
// (weights[i·N + j] + offset) · x_j. Source: AltUp, Baykal et al. 2023, arXiv 2301.13310.
struct MixAttrs {
  int64_t n_in = 1;  // N
  float offset = 0;
};

// in: a F32 [n·C, T], x F32 [C, T]; out F32 [n·C, T]: each C values of a made as long as x, a · |x| / |a|.
struct MatchAttrs {};
inline constexpr double kMatchMin = 1e-5;  // least mean square of a that is divided by

// in: x F32 [C, T]; out = max(0, x − (mean + deviations · standard deviation)), both of the row: of normally distributed values
// those of the upper tail. Source: Gemma 3n; Spark Transformer, You et al. 2025, arXiv 2506.06644.
struct SparsifyAttrs {
  float deviations;
};

// in: x F32 [C, T], outputs I32 [O]; out F32 [C, O]: row o is of the whole sequence, in this step, that holds row outputs[o].
enum class Pooling : uint8_t {
  none,  // every token has a row of its own: select, not pool
  mean,
  cls,   // the first token
  last,  // the last token
  rank,  // the score of a classification head on one of the others
};
std::string_view pooling_name(Pooling pooling);
std::optional<Pooling> find_pooling(std::string_view name);
struct PoolAttrs {
  Pooling pooling;  // mean, cls or last
};

// In the order of enum Op.
template <class, class... AllAttrs>
using AttrsOf = std::variant<AllAttrs...>;
#define LUPO_OP(name, Name) , Name##Attrs
using Attrs = AttrsOf<void LUPO_OPS(LUPO_OP)>;
#undef LUPO_OP

}  // namespace lupo
