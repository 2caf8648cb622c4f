#include "model/arch/latent.h"

#include <fmt/format.h>

#include <cmath>

namespace lupo {

Result<void> read_latent(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kRankMax = 1 << 16, kHeadDimMax = 1 << 14;
  LatentParams& latent = hp.latent;
  TRY_ASSIGN(latent.q_rank, reader.integer_or("attention.q_lora_rank", 0, 0, kRankMax));
  TRY_ASSIGN(latent.kv_rank, reader.integer("attention.kv_lora_rank", 1, kRankMax));
  latent.is_absorbed = reader.has("attention.key_length_mla");
  const char* key = latent.is_absorbed ? "attention.key_length_mla" : "attention.key_length";
  const char* value = latent.is_absorbed ? "attention.value_length_mla" : "attention.value_length";
  TRY_ASSIGN(const int64_t n_key, reader.integer_or(key, hp.head_dim, 1, kHeadDimMax));
  TRY_ASSIGN(latent.n_value, reader.integer_or(value, hp.head_dim_v, 1, kHeadDimMax));
  latent.n_nope = n_key - hp.rope.n_rot;
  if (latent.n_nope < 1)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {} and {} is {}: a key needs values that do not turn", reader.key(key), n_key,
                            reader.key("rope.dimension_count"), hp.rope.n_rot),
                "lupo inspect MODEL --keys  # and get the file again, or convert it again");
  return {};
}

Value latent_attention(Builder& b, const Hparams& hp, Value h, int64_t layer, const LatentStyle& style) {
  const LatentParams& latent = hp.latent;
  const int64_t n_head = hp.n_head[static_cast<size_t>(layer)], n_rot = hp.rope.n_rot, n_key = latent.n_nope + n_rot;
  const auto turn = [&](Value x) { return b.rope(x, rope_attrs(hp.rope, n_rot, style.neox), style.factors); };
  Value q = h;
  if (latent.q_rank > 0)
    q = b.norm(b.linear(h, b.block("attn_q_a"), latent.q_rank), b.block("attn_q_a_norm"), latent.q_rank, hp.norm_eps);
  q = b.linear(q, b.block(latent.q_rank > 0 ? "attn_q_b" : "attn_q"), n_head * n_key);  // [H·(nope + rot), T]
  const Value q_rot = turn(b.slice(q, n_head, latent.n_nope, n_rot));                   // [H·rot, T]
  Value q_nope = b.slice(q, n_head, 0, latent.n_nope);                                  // [H·nope, T]
  const Value kv = b.linear(h, b.block("attn_kv_a_mqa"), latent.kv_rank + n_rot);       // [R + rot, T]
  const Value k_rot = turn(b.slice(kv, 1, latent.kv_rank, n_rot));                      // [rot, T]
  const Value c = b.norm(b.slice(kv, 1, 0, latent.kv_rank), b.block("attn_kv_a_norm"), latent.kv_rank, hp.norm_eps);  // [R, T]
  AttendAttrs attend{.n_head = n_head,
                     .n_kv_head = 1,
                     .head_dim = latent.kv_rank + n_rot,
                     .head_dim_v = latent.kv_rank,
                     .scale = hp.attention_scale > 0 ? hp.attention_scale : 1 / std::sqrt(static_cast<float>(n_key))};
  const auto tempered = [&](Value x) { return hp.temperature.beta == 0 ? x : b.temperature(x, hp.temperature); };
  if (latent.is_absorbed) {
    q_nope = b.linear_heads(q_nope, b.block("attn_k_b"), latent.kv_rank, n_head);  // [H·R, T]
    const Value mixed =
        b.attend(tempered(b.join(q_nope, q_rot, n_head)), b.join(c, k_rot, 1), kNone, b.cache(1, attend.head_dim, 0), attend);
    return b.linear(b.linear_heads(mixed, b.block("attn_v_b"), latent.n_value, n_head), b.block("attn_output"), hp.n_embd);
  }
  attend.n_kv_head = n_head, attend.head_dim = n_key, attend.head_dim_v = latent.n_value;
  const Value made = b.linear(c, b.block("attn_kv_b"), n_head * (latent.n_nope + latent.n_value));  // [H·(nope + Dv), T]
  const Value k = b.join(b.slice(made, n_head, 0, latent.n_nope), k_rot, n_head, true);             // [H·(nope + rot), T]
  const Value v = b.slice(made, n_head, latent.n_nope, latent.n_value);                             // [H·Dv, T]
  const Value mixed = b.attend(tempered(b.join(q_nope, q_rot, n_head)), k, v, b.cache(n_head, n_key, latent.n_value), attend);
  return b.linear(mixed, b.block("attn_output"), hp.n_embd);
}

}  // namespace lupo
