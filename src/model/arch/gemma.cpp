#include "model/arch/gemma.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace lupo {
namespace {

// The layer whose cache a layer reads: its own, or that of the last layer of its kind which has one; −1 where there is none.
int64_t cache_layer(const Hparams& hp, int64_t layer) {
  int64_t source = std::min(layer, hp.n_layer - hp.n_shared_kv - 1);
  while (source >= 0 && hp.layer_is_local(source) != hp.layer_is_local(layer)) --source;
  return source;
}

}  // namespace

Result<void> read_gemma(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kPerLayerMax = 1 << 16;
  TRY(read_windows(reader, hp, 0, 1));
  TRY_ASSIGN(hp.freq_base_window, reader.number_or("rope.freq_base_swa", 10000, 1, 1e12));
  TRY_ASSIGN(hp.n_embd_per_layer, reader.integer_or("embedding_length_per_layer_input", 0, 0, kPerLayerMax));
  TRY_ASSIGN(hp.n_shared_kv, reader.integer_or("attention.shared_kv_layers", hp.n_shared_kv, 0, hp.n_layer - 1));
  TRY_ASSIGN(hp.logit_softcap, reader.number_or("final_logit_softcapping", 30, 0, 1e4));
  for (int64_t layer = 0; layer < hp.n_layer; ++layer)
    if (const int64_t source = cache_layer(hp, layer);
        source < 0 || hp.n_kv_head[static_cast<size_t>(source)] != hp.n_kv_head[static_cast<size_t>(layer)])
      return fail(Layer::model, "bad-value",
                  fmt::format("{} is {}: no layer before them has a cache of the kind that layer {} reads",
                              reader.key("attention.shared_kv_layers"), hp.n_shared_kv, layer),
                  "lupo inspect MODEL --keys  # and get the file again, or convert it again");
  hp.attention_scale = 1;
  hp.embed_scale = std::sqrt(static_cast<float>(hp.n_embd));
  return {};
}

GemmaAttention::GemmaAttention(Builder& b, const Hparams& hp, Value factors)
    : b_(b), hp_(hp), factors_(factors), local_(hp.rope) {
  local_.n_rot = hp.n_rot_local;
  local_.freq_base = hp.freq_base_window;
  local_.freq_scale = 1;  // layers with a window are never stretched
  local_.ext_factor = 0;
}

Value GemmaAttention::operator()(Value h, int64_t layer) {
  const bool is_local = hp_.layer_is_local(layer);
  const int64_t dim = is_local ? hp_.head_dim_local : hp_.head_dim;  // D
  const int64_t n_head = hp_.n_head[static_cast<size_t>(layer)], n_kv = hp_.n_kv_head[static_cast<size_t>(layer)];
  const RopeAttrs rope = rope_attrs(is_local ? local_ : hp_.rope, dim, true);
  const Value factors = is_local ? kNone : factors_;
  const int64_t n_total = (n_head + 2 * n_kv) * dim;
  const auto project = [&](const char* name, int64_t n_out, int64_t first) {
    if (!b_.has(b_.block("attn_qkv.weight"))) return b_.linear(h, b_.block(name), n_out);
    return b_.linear(h, b_.block("attn_qkv"), n_out, {first, n_total});
  };
  Value q = project("attn_q", n_head * dim, 0), k = kNone, v = kNone;  // [H·D, T], [G·D, T], [G·D, T]
  q = b_.rope(b_.norm(q, b_.block("attn_q_norm"), dim, hp_.norm_eps), rope, factors);
  const int64_t source = cache_layer(hp_, layer);
  if (source == layer) {
    const Value key = project("attn_k", n_kv * dim, n_head * dim);
    const bool has_v = b_.has(b_.block("attn_v.weight")) || b_.has(b_.block("attn_qkv.weight"));
    v = b_.norm(has_v ? project("attn_v", n_kv * dim, (n_head + n_kv) * dim) : key, dim, hp_.norm_eps);
    k = b_.rope(b_.norm(key, b_.block("attn_k_norm"), dim, hp_.norm_eps), rope, factors);
    caches_.push_back(b_.cache(n_kv, dim, dim, hp_.window_of(layer)));
  } else {  // files of some converters hold what is not used
    for (const char* name : {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"}) b_.ignore(b_.block(name));
    caches_.push_back(caches_[static_cast<size_t>(source)]);
  }
  const AttendAttrs attend{.n_head = n_head,
                           .n_kv_head = n_kv,
                           .head_dim = dim,
                           .head_dim_v = dim,
                           .scale = hp_.attention_scale,
                           .window = hp_.window_of(layer)};
  return b_.linear(b_.attend(q, k, v, caches_.back(), attend), b_.block("attn_output"), hp_.n_embd);
}

Value per_layer_inputs(Builder& b, const Hparams& hp, Value x) {
  const int64_t width = hp.n_embd_per_layer, n_total = width * hp.n_layer;  // P, P·L
  const Value rows = b.embed("per_layer_token_embd", n_total, hp.n_vocab, std::sqrt(static_cast<float>(width)));
  const Value projected = b.scale(b.linear(x, "per_layer_model_proj", n_total), 1 / std::sqrt(static_cast<float>(hp.n_embd)));
  return b.scale(b.add(b.norm(projected, "per_layer_proj_norm", width, hp.norm_eps), rows),
                 static_cast<float>(1 / std::numbers::sqrt2));
}

Value per_layer_part(Builder& b, const Hparams& hp, Value gate_input, Value inputs, int64_t layer) {
  const int64_t width = hp.n_embd_per_layer;
  const Value own = b.slice(inputs, 1, layer * width, width);  // [P, T]
  const Value gated = b.glu(b.linear(gate_input, b.block("inp_gate"), width), own, Activation::gelu);
  return block_norm(b, hp, b.linear(gated, b.block("proj"), hp.n_embd), "post_norm");
}

}  // namespace lupo
