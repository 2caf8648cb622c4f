#include "model/arch/arch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "base/printable.h"
#include "model/arch/encoder.h"

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
    b.check_vector(is_long ? "rope_factors_short.weight" : "rope_factors_long.weight", half);
    return b.vector(is_long ? "rope_factors_long.weight" : "rope_factors_short.weight", half);
  }
  return b.vector_if("rope_freqs.weight", half);
}

namespace {

// Queries, keys or values: a weight of their own, or rows of the fused attn_qkv.
struct Projection {
  const char* name;
  int64_t n_out, first;
};

Value project(Builder& b, Value h, const Projection& p, int64_t n_total) {
  if (!b.has(b.block("attn_qkv.weight"))) return b.linear(h, b.block(p.name), p.n_out);
  return b.linear(h, b.block("attn_qkv"), p.n_out, {p.first, n_total});
}

// Over C, of the model's kind.
Value model_norm(Builder& b, const Hparams& hp, Value x, const std::string& name) {
  if (!hp.norm_has_weight) return b.norm(x, hp.n_embd, hp.norm_eps, kNone, hp.norm_is_rms);
  return b.norm(x, name, hp.n_embd, hp.norm_eps, hp.norm_is_rms);
}

Value scaled(Builder& b, const Hparams& hp, Value part) {
  return hp.residual_scale == 1 ? part : b.scale(part, hp.residual_scale);
}

}  // namespace

RopeAttrs rope_attrs(const RopeParams& rope, int64_t head_dim, bool neox) {
  return {.head_dim = head_dim,
          .n_rot = rope.n_rot,
          .neox = neox,
          .freq_base = rope.freq_base,
          .freq_scale = rope.freq_scale,
          .ext_factor = rope.ext_factor,
          .attn_factor = rope.attn_factor,
          .beta_fast = rope.beta_fast,
          .beta_slow = rope.beta_slow,
          .n_ctx_orig = rope.n_ctx_orig};
}

Value block_norm(Builder& b, const Hparams& hp, Value x, std::string_view name) { return model_norm(b, hp, x, b.block(name)); }

Value attention(Builder& b, const Hparams& hp, Value h, int64_t layer, const RopeParams& rope, const AttentionStyle& style) {
  const int64_t n_head = hp.n_head[static_cast<size_t>(layer)], n_kv_head = hp.n_kv_head[static_cast<size_t>(layer)];
  const int64_t n_q = n_head * hp.head_dim, n_k = n_kv_head * hp.head_dim, n_v = n_kv_head * hp.head_dim_v;
  const auto part = [&](const Projection& p) {
    const Value value = project(b, h, p, n_q + n_k + n_v);
    return hp.clamp_qkv > 0 ? b.clamp(value, hp.clamp_qkv) : value;
  };
  Value q = style.gated ? b.linear(h, b.block("attn_q"), 2 * n_q) : part({"attn_q", n_q, 0});  // [H·D, T]
  const Value gate = style.gated ? b.slice(q, n_head, hp.head_dim, hp.head_dim) : kNone;
  if (style.gated) q = b.slice(q, n_head, 0, hp.head_dim);
  Value k = part({"attn_k", n_k, n_q});              // [G·D, T]
  const Value v = part({"attn_v", n_v, n_q + n_k});  // [G·Dv, T]
  const auto turn = [&] {
    if (!style.rope) return;
    q = b.rope(q, rope_attrs(rope, hp.head_dim, style.neox), style.factors);
    k = b.rope(k, rope_attrs(rope, hp.head_dim, style.neox), style.factors);
  };
  if (style.norm_after_rope) turn();
  if (style.qk_norm == QkNorm::plain_head) {
    q = b.norm(q, hp.head_dim, hp.norm_eps);
    k = b.norm(k, hp.head_dim, hp.norm_eps);
  } else if (style.qk_norm == QkNorm::own_head) {
    const auto norm = [&](Value x, const char* name, int64_t n) {
      return b.mul(b.norm(x, hp.head_dim, hp.norm_eps, kNone, hp.norm_is_rms), b.matrix(b.block(name), hp.head_dim, n));
    };
    q = norm(q, "attn_q_norm.weight", n_head);
    k = norm(k, "attn_k_norm.weight", n_kv_head);
  } else if (style.qk_norm != QkNorm::none) {
    const bool is_whole = style.qk_norm == QkNorm::whole;
    q = b.norm(q, b.block("attn_q_norm"), is_whole ? n_q : hp.head_dim, hp.norm_eps, hp.norm_is_rms);
    k = b.norm(k, b.block("attn_k_norm"), is_whole ? n_k : hp.head_dim, hp.norm_eps, hp.norm_is_rms);
  }
  if (!style.norm_after_rope) turn();
  if (style.has_temperature && hp.temperature.beta > 0) q = b.temperature(q, hp.temperature);
  const float scale = hp.attention_scale > 0 ? hp.attention_scale : 1 / std::sqrt(static_cast<float>(hp.head_dim));
  const AttendAttrs attend{.n_head = n_head,
                           .n_kv_head = n_kv_head,
                           .head_dim = hp.head_dim,
                           .head_dim_v = hp.head_dim_v,
                           .scale = scale,
                           .window = style.window,
                           .softcap = hp.attention_softcap,
                           .causal = hp.causal,
                           .is_chunked = style.is_chunked,
                           .alibi = hp.alibi};
  const Cache cache = hp.causal ? b.cache(n_kv_head, hp.head_dim, hp.head_dim_v, style.window) : Cache{};
  const Value sinks = style.sinks ? b.vector(b.block("attn_sinks.weight"), n_head) : kNone;
  Value mixed = b.attend(q, k, v, cache, attend, sinks);  // [H·Dv, T]
  if (style.gated) mixed = b.glu(gate, mixed, Activation::sigmoid);
  const Value result = b.linear(mixed, b.block("attn_output"), hp.n_embd);
  return hp.attention_result_scale == 1 ? result : b.scale(result, hp.attention_result_scale);
}

Ffn gated(Activation act) {
  return [act](Builder& b, const Hparams& hp, Value h, int64_t layer) {
    const int64_t n_ff = hp.n_ff[static_cast<size_t>(layer)];
    const bool is_fused = !b.has(b.block("ffn_gate.weight"));  // gate, then up, in one weight
    const Value gate = is_fused ? b.linear(h, b.block("ffn_up"), n_ff, {0, 2 * n_ff}) : b.linear(h, b.block("ffn_gate"), n_ff);
    const Value up = is_fused ? b.linear(h, b.block("ffn_up"), n_ff, {n_ff, 2 * n_ff}) : b.linear(h, b.block("ffn_up"), n_ff);
    return b.linear(b.glu(gate, up, act), b.block("ffn_down"), hp.n_embd);
  };
}

Ffn plain(Activation act) {
  return [act](Builder& b, const Hparams& hp, Value h, int64_t layer) {
    const Value up = b.linear(h, b.block("ffn_up"), hp.n_ff[static_cast<size_t>(layer)]);  // [F, T]
    return b.linear(b.activate(up, act), b.block("ffn_down"), hp.n_embd);
  };
}

Value mixture(Builder& b, const Hparams& hp, Value h, Value router, Value selection) {
  const bool is_fused = b.has(b.block("ffn_gate_up_exps.weight"));
  const std::string gate = b.block(is_fused ? "ffn_gate_up_exps" : "ffn_gate_exps"),
                    up = b.block(is_fused ? "ffn_gate_up_exps" : "ffn_up_exps");
  return b.moe(h, router, gate, up, b.block("ffn_down_exps"), hp.n_ff_expert, hp.moe, selection);
}

Ffn experts(Ffn dense) {
  return [dense](Builder& b, const Hparams& hp, Value h, int64_t layer) {
    if (!hp.has_experts(layer)) return dense(b, hp, h, layer);
    const Value router = b.linear(h, b.block("ffn_gate_inp"), hp.moe.n_expert);  // [E, T]
    const Value selection = b.vector_if(b.block("exp_probs_b.bias"), hp.moe.n_expert);
    const Value mixed = mixture(b, hp, h, router, selection);
    if (hp.n_ff_shared == 0) return mixed;
    const Value gate = b.linear(h, b.block("ffn_gate_shexp"), hp.n_ff_shared),
                up = b.linear(h, b.block("ffn_up_shexp"), hp.n_ff_shared);
    Value shared = b.linear(b.glu(gate, up, hp.moe.act), b.block("ffn_down_shexp"), hp.n_embd);
    if (b.has(b.block("ffn_gate_inp_shexp.weight")))  // each token weighs it by a gate of one value
      shared = b.mul(shared, b.activate(b.linear(h, b.block("ffn_gate_inp_shexp"), 1), Activation::sigmoid));
    return b.add(mixed, shared);
  };
}

Value embed_tokens(Builder& b, const Hparams& hp) {
  const Value x = b.embed("token_embd", hp.n_embd, hp.n_vocab, hp.embed_scale);  // [C, T]
  if (!b.has("position_embd.weight")) return x;
  return b.add(x, b.embed_positions("position_embd", hp.n_embd, hp.n_ctx_train));
}

Value head(Builder& b, const Hparams& hp, Value x, const char* output_norm) {
  if (b.request().pooling)
    for (const char* name : {"output.weight", "output.bias"}) b.ignore(name);
  if (b.request().pooling || !hp.causal) return embedding(b, hp, model_norm(b, hp, x, output_norm));
  ignore_score(b);
  x = model_norm(b, hp, b.select_outputs(x), output_norm);                                   // [C, O]
  Value logits = b.linear(x, b.has("output.weight") ? "output" : "token_embd", hp.n_vocab);  // [V, O]
  if (hp.logit_scale != 1) logits = b.scale(logits, hp.logit_scale);
  return hp.logit_softcap > 0 ? b.softcap(logits, hp.logit_softcap) : logits;
}

Value decoder(Builder& b, const Hparams& hp, const Block& block, const char* output_norm) {
  Value x = embed_tokens(b, hp);
  for (int64_t layer = 0; layer < hp.n_layer; ++layer) {
    b.at_layer(layer);
    x = block(x, layer);
  }
  for (int64_t layer = hp.n_layer; layer < hp.n_layer + hp.n_nextn; ++layer)
    b.ignore_block(layer, "multi-token prediction (MTP), which lupo does not run");
  b.at_layer(-1);
  return head(b, hp, x, output_norm);
}

Value sequential_block(Builder& b, const Hparams& hp, Value x, int64_t layer, const RopeParams& rope, const AttentionStyle& style,
                       const Ffn& ffn, const BlockNorms& norms) {
  const Mixer mixer = [&](Value h) { return attention(b, hp, h, layer, rope, style); };
  return sequential_block(b, hp, x, layer, mixer, ffn, norms);
}

Value sequential_block(Builder& b, const Hparams& hp, Value x, int64_t layer, const Mixer& mixer, const Ffn& ffn,
                       const BlockNorms& norms) {
  const auto norm = [&](Value v, const char* name) { return name == nullptr ? v : block_norm(b, hp, v, name); };
  const Value mixed = mixer(norm(x, norms.before_attention));
  x = b.add(x, scaled(b, hp, norm(mixed, norms.after_attention)));
  const Value fed = ffn(b, hp, norm(x, norms.before_ffn), layer);
  return b.add(x, scaled(b, hp, norm(fed, norms.after_ffn)));
}

Value plain_decoder(Builder& b, const Hparams& hp, AttentionStyle style, const Ffn& ffn) {
  style.factors = rope_factors(b, hp);
  return decoder(b, hp, [&](Value x, int64_t layer) {
    if (!hp.parallel) return sequential_block(b, hp, x, layer, hp.rope, style, ffn);
    const Value h = block_norm(b, hp, x, "attn_norm");
    const Value mixed = b.add(x, scaled(b, hp, attention(b, hp, h, layer, hp.rope, style)));
    const Value ffn_in = b.has(b.block("ffn_norm.weight")) ? block_norm(b, hp, x, "ffn_norm") : h;
    return b.add(mixed, scaled(b, hp, ffn(b, hp, ffn_in, layer)));
  });
}

}  // namespace lupo
