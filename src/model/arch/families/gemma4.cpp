// gemma4: Gemma 4, E2B to 31B and 26B-A4B. Layers with a window and layers without have heads, rope and KV heads of their own;
// norms around each part; GELU; every layer's result is scaled. Small models add embeddings by layer and share caches, the
// mixture runs its experts beside a feed-forward that all tokens pass. Source: Gemma 4 technical report.
#include <fmt/format.h>

#include <cmath>

#include "model/arch/gemma.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kHeadDimMax = 1 << 14;
  TRY(reader.integer("attention.sliding_window", 1, INT32_MAX));
  TRY(reader.per_layer("attention.sliding_window_pattern", hp.n_layer, 0, 1));
  TRY(read_gemma(reader, hp));
  TRY(read_experts(reader, hp, Gating::softmax, true));
  hp.moe.act = Activation::gelu;
  TRY_ASSIGN(hp.head_dim_local, reader.integer_or("attention.key_length_swa", hp.head_dim, 1, kHeadDimMax));
  TRY_ASSIGN(const int64_t head_dim_v, reader.integer_or("attention.value_length_swa", hp.head_dim_local, 1, kHeadDimMax));
  TRY_ASSIGN(hp.n_rot_local, reader.integer_or("rope.dimension_count_swa", hp.head_dim_local, 2, hp.head_dim_local));
  const auto refuse = [](std::string what) {
    return fail(Layer::model, "bad-value", std::move(what), "lupo inspect MODEL --keys  # and convert the file again");
  };
  if (hp.head_dim_local != head_dim_v || hp.head_dim != hp.head_dim_v)
    return refuse(fmt::format("{} and {} are {} and {}, those of layers with a window {} and {}: keys and values must be as wide",
                              reader.key("attention.key_length"), reader.key("attention.value_length"), hp.head_dim,
                              hp.head_dim_v, hp.head_dim_local, head_dim_v));
  if (hp.n_rot_local % 2 != 0)
    return refuse(fmt::format("{} is {}, wanted an even number", reader.key("rope.dimension_count_swa"), hp.n_rot_local));
  return {};
}

// The feed-forward and, beside it where the layer has a router, the experts; x [C, T] is the stream after the attention.
Value feed_forward(Builder& b, const Hparams& hp, Value x, int64_t layer) {
  const Value dense = gated(Activation::gelu)(b, hp, block_norm(b, hp, x, "ffn_norm"), layer);
  if (hp.moe.n_expert == 0 || !b.has(b.block("ffn_gate_inp.weight"))) return block_norm(b, hp, dense, "post_ffw_norm");
  const Value routed = b.norm(x, hp.n_embd, hp.norm_eps, b.vector(b.block("ffn_gate_inp.scale"), hp.n_embd));
  const Value router = b.linear(b.scale(routed, 1 / std::sqrt(static_cast<float>(hp.n_embd))), b.block("ffn_gate_inp"),
                                hp.moe.n_expert);  // [E, T]
  const bool is_fused = b.has(b.block("ffn_gate_up_exps.weight"));
  const std::string gate = b.block(is_fused ? "ffn_gate_up_exps" : "ffn_gate_exps"),
                    up = b.block(is_fused ? "ffn_gate_up_exps" : "ffn_up_exps");
  const Value mixed =
      b.moe(block_norm(b, hp, x, "pre_ffw_norm_2"), router, gate, up, b.block("ffn_down_exps"), hp.n_ff_expert, hp.moe);
  const Value both = b.add(block_norm(b, hp, dense, "post_ffw_norm_1"), block_norm(b, hp, mixed, "post_ffw_norm_2"));
  return block_norm(b, hp, both, "post_ffw_norm");
}

Value build(Builder& b, const Hparams& hp) {
  bool has_full = false;
  for (int64_t layer = 0; layer < hp.n_layer; ++layer) has_full |= !hp.layer_is_local(layer);
  // Heads of layers without a window turn in part: the factors of the other pairs are so great that these stand still.
  GemmaAttention attention(b, hp, has_full ? b.vector("rope_freqs.weight", hp.rope.n_rot / 2) : kNone);
  Value x = embedding(b, hp);
  const Value inputs = hp.n_embd_per_layer > 0 ? per_layer_inputs(b, hp, x) : kNone;  // [P·L, T]
  for (int64_t layer = 0; layer < hp.n_layer; ++layer) {
    b.at_layer(layer);
    x = b.add(x, block_norm(b, hp, attention(block_norm(b, hp, x, "attn_norm"), layer), "post_attention_norm"));
    x = b.add(x, feed_forward(b, hp, x, layer));
    if (hp.n_embd_per_layer > 0) x = b.add(x, per_layer_part(b, hp, x, inputs, layer));
    if (const Value scale = b.vector_if(b.block("layer_output_scale.weight"), 1); scale != kNone) x = b.mul(x, scale);
  }
  b.at_layer(-1);
  return head(b, hp, x);
}

}  // namespace

const Arch arch_gemma4{"gemma4", read, build};

}  // namespace lupo
