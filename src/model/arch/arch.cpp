#include "model/arch/arch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "base/printable.h"

namespace lupo {

std::span<const Arch* const> all_archs() {
  static constexpr std::array list = {
#define LUPO_ARCH(name) &arch_##name,
#include "archs.inc"
#undef LUPO_ARCH
  };
  return list;
}

Result<const Arch*> find_arch(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Arch* arch : all_archs()) {
    if (arch->name == name) return arch;
    names.push_back(arch->name);
  }
  return fail(Layer::model, "unknown-architecture",
              fmt::format("general.architecture is '{}'; supported are {}", printable(name, 64), fmt::join(names, ", ")),
              "choose a model of a supported architecture  # lupo inspect MODEL shows the file's facts");
}

Value rope_factors(Builder& b, const Hparams& hp) {
  const int64_t half = hp.rope.n_rot / 2;
  // Phi's and others' long and short sets: both are in the file, the context asked for decides.
  if (b.has("rope_factors_long.weight") && b.has("rope_factors_short.weight")) {
    const bool is_long = b.request().n_ctx > hp.rope.n_ctx_orig;
    b.ignore(is_long ? "rope_factors_short.weight" : "rope_factors_long.weight");
    return b.vector(is_long ? "rope_factors_long.weight" : "rope_factors_short.weight", half);
  }
  return b.vector_if("rope_freqs.weight", half);
}

Value attention(Builder& b, const Hparams& hp, Value h, int64_t layer, const RopeParams& rope, const AttentionStyle& style) {
  const int64_t n_head = hp.n_head[static_cast<size_t>(layer)], n_kv_head = hp.n_kv_head[static_cast<size_t>(layer)];
  Value q = b.linear(h, b.block("attn_q"), n_head * hp.head_dim);             // [H·D, T]
  Value k = b.linear(h, b.block("attn_k"), n_kv_head * hp.head_dim);          // [G·D, T]
  const Value v = b.linear(h, b.block("attn_v"), n_kv_head * hp.head_dim_v);  // [G·Dv, T]
  if (style.head_norms) {
    q = b.norm(q, b.block("attn_q_norm"), hp.head_dim, hp.norm_eps);
    k = b.norm(k, b.block("attn_k_norm"), hp.head_dim, hp.norm_eps);
  }
  const RopeAttrs attrs{.head_dim = hp.head_dim,
                        .n_rot = rope.n_rot,
                        .neox = style.neox,
                        .freq_base = rope.freq_base,
                        .freq_scale = rope.freq_scale,
                        .ext_factor = rope.ext_factor,
                        .attn_factor = rope.attn_factor,
                        .beta_fast = rope.beta_fast,
                        .beta_slow = rope.beta_slow,
                        .n_ctx_orig = rope.n_ctx_orig};
  q = b.rope(q, attrs, style.factors);
  k = b.rope(k, attrs, style.factors);
  const float scale = hp.attention_scale > 0 ? hp.attention_scale : 1 / std::sqrt(static_cast<float>(hp.head_dim));
  const AttendAttrs attend{.n_head = n_head,
                           .n_kv_head = n_kv_head,
                           .head_dim = hp.head_dim,
                           .head_dim_v = hp.head_dim_v,
                           .scale = scale,
                           .window = style.window};
  const Value mixed = b.attend(q, k, v, b.cache(n_kv_head, hp.head_dim, hp.head_dim_v, style.window), attend);  // [H·Dv, T]
  return b.linear(mixed, b.block("attn_output"), hp.n_embd);
}

Value gated_ffn(Builder& b, const Hparams& hp, Value h, int64_t layer, Activation act) {
  const int64_t n_ff = hp.n_ff[static_cast<size_t>(layer)];
  const Value gate = b.linear(h, b.block("ffn_gate"), n_ff), up = b.linear(h, b.block("ffn_up"), n_ff);  // [F, T]
  return b.linear(b.glu(gate, up, act), b.block("ffn_down"), hp.n_embd);
}

Value decoder(Builder& b, const Hparams& hp, float embed_scale, const std::function<Value(Value x, int64_t layer)>& block) {
  Value x = b.embed("token_embd", hp.n_embd, hp.n_vocab, embed_scale);  // [C, T]
  for (int64_t layer = 0; layer < hp.n_layer; ++layer) {
    b.at_layer(layer);
    x = block(x, layer);
  }
  b.at_layer(-1);
  x = b.norm(b.select_outputs(x), "output_norm", hp.n_embd, hp.norm_eps);                          // [C, O]
  const Value logits = b.linear(x, b.has("output.weight") ? "output" : "token_embd", hp.n_vocab);  // [V, O]
  return hp.logit_softcap > 0 ? b.softcap(logits, hp.logit_softcap) : logits;
}

}  // namespace lupo
