// gemma3n: Gemma 3n, E2B and E4B. Four parallel streams of which a block reads one and predicts and corrects all (AltUp); a
// low-rank path beside the attention (Laurel); sparse gates in the first layers; embeddings by layer; the last layers share
// caches. Sources: Gemma 3n model card; AltUp: Baykal et al. 2023, arXiv 2301.13310; Laurel: Menghani et al. 2024, arXiv
// 2411.07501.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "model/arch/gemma.h"

namespace lupo {
namespace {

constexpr int64_t kLaurelRank = 64;  // no key says so

Result<void> read(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kLayersOwned = 20, kLayersSparse = 10, kStreamsMax = 64;
  constexpr float kSparsity = 1.6448533535003662f;  // the upper 5 % of a normal distribution
  constexpr const char* kSparsityKey = "activation_sparsity_scale";
  hp.n_shared_kv = std::max<int64_t>(0, hp.n_layer - kLayersOwned);
  TRY(read_gemma(reader, hp));
  hp.head_dim_local = hp.head_dim;
  hp.n_rot_local = hp.rope.n_rot;
  TRY_ASSIGN(hp.n_embd_per_layer, reader.integer_or("embedding_length_per_layer_input", 256, 1, 1 << 16));
  TRY_ASSIGN(hp.n_stream, reader.integer_or("altup.num_inputs", 4, 2, kStreamsMax));
  TRY_ASSIGN(hp.active_stream, reader.integer_or("altup.active_idx", 0, 0, hp.n_stream - 1));
  hp.sparsity.assign(static_cast<size_t>(hp.n_layer), -INFINITY);
  std::fill_n(hp.sparsity.begin(), std::min(hp.n_layer, kLayersSparse), kSparsity);
  if (!reader.has(kSparsityKey)) return {};
  TRY_ASSIGN(hp.sparsity, reader.metadata().floats(reader.key(kSparsityKey)));
  const bool is_good = std::none_of(hp.sparsity.begin(), hp.sparsity.end(), [](float s) { return std::isnan(s) || s > 100; });
  if (static_cast<int64_t>(hp.sparsity.size()) != hp.n_layer || !is_good)
    return fail(Layer::model, "bad-value",
                fmt::format("{} has {} items, wanted one of up to 100 for each of {} layers ({})", reader.key(kSparsityKey),
                            hp.sparsity.size(), hp.n_layer, reader.key("block_count")),
                "lupo inspect MODEL --keys  # and get the file again, or convert it again");
  return {};
}

// Weights [n_out, T] of streams, from what the active one holds.
Value stream_weights(Builder& b, const Hparams& hp, Value active, const char* name, int64_t n_out) {
  const Value routed = b.scale(block_norm(b, hp, active, "altup_router_norm"), 1 / static_cast<float>(hp.n_embd));
  const Value modes = b.activate(b.linear(routed, b.block("altup_router"), hp.n_stream), Activation::tanh);  // [N, T]
  return b.linear(modes, b.block(name), n_out);
}

Value stream(Builder& b, const Hparams& hp, Value streams, int64_t i) { return b.slice(streams, 1, i * hp.n_embd, hp.n_embd); }

// The block proper on the active stream x [C, T].
Value activated(Builder& b, const Hparams& hp, Value x, int64_t layer, GemmaAttention& attention) {
  const Value h = block_norm(b, hp, x, "attn_norm");
  const Value low = b.linear(b.linear(h, b.block("laurel_l"), kLaurelRank), b.block("laurel_r"), hp.n_embd);
  const Value laurel = b.add(h, block_norm(b, hp, low, "laurel_post_norm"));
  const Value attended = b.add(x, block_norm(b, hp, attention(h, layer), "post_attention_norm"));
  const Value both = b.scale(b.add(attended, laurel), static_cast<float>(1 / std::numbers::sqrt2));
  const Value ffn_in = block_norm(b, hp, both, "ffn_norm");
  const int64_t n_ff = hp.n_ff[static_cast<size_t>(layer)];
  Value gate = b.linear(ffn_in, b.block("ffn_gate"), n_ff);  // [F, T]
  const Value up = b.linear(ffn_in, b.block("ffn_up"), n_ff);
  if (const float limit = hp.sparsity[static_cast<size_t>(layer)]; std::isfinite(limit)) gate = b.sparsify(gate, limit);
  const Value fed = b.linear(b.glu(gate, up, Activation::gelu), b.block("ffn_down"), hp.n_embd);
  return b.add(both, block_norm(b, hp, fed, "post_ffw_norm"));
}

// One block: streams [N·C, T] to the next block's.
Value block(Builder& b, const Hparams& hp, Value streams, Value inputs, int64_t layer, GemmaAttention& attention) {
  const int64_t n = hp.n_stream;
  const Value active = stream(b, hp, streams, hp.active_stream);
  const Value predicted = b.add(streams, b.mix(streams, stream_weights(b, hp, active, "altup_predict_coef", n * n), n));
  const Value expected = stream(b, hp, predicted, hp.active_stream);
  const Value found = activated(b, hp, expected, layer, attention);
  const Value surprise = b.add(found, b.scale(expected, -1));
  const Value correction = b.mix(surprise, stream_weights(b, hp, found, "altup_correct_coef", n), 1, 1);  // [N·C, T]
  const Value corrected = b.add(predicted, correction);
  const Value scale = b.vector(b.block("altup_correct_scale.weight"), hp.n_embd);
  const Value part = per_layer_part(b, hp, b.mul(stream(b, hp, corrected, hp.active_stream), scale), inputs, layer);  // [C, T]
  Value next = stream(b, hp, corrected, 0);
  for (int64_t i = 1; i < n; ++i) next = b.join(next, b.add(stream(b, hp, corrected, i), part), 1);
  return next;
}

Value build(Builder& b, const Hparams& hp) {
  const int64_t width = hp.n_embd, n_others = hp.n_stream - 1;
  GemmaAttention attention(b, hp, kNone);
  const Value x = embed_tokens(b, hp);
  const Value inputs = per_layer_inputs(b, hp, x);  // [P·L, T]
  const Value others = b.linear(x, "altup_proj", n_others * width, {0, n_others * width, n_others});
  Value streams = b.join(x, b.match(others, x), 1);  // [N·C, T]
  for (int64_t layer = 0; layer < hp.n_layer; ++layer) {
    b.at_layer(layer);
    streams = block(b, hp, streams, inputs, layer, attention);
  }
  b.at_layer(-1);
  const Value active = stream(b, hp, streams, hp.active_stream);
  Value sum = stream(b, hp, streams, 0);
  for (int64_t i = 0; i < n_others; ++i) {
    const Value other =
        b.linear(stream(b, hp, streams, i + 1), "altup_unembd_proj", width, {i * width, n_others * width, n_others});
    sum = b.add(sum, b.match(other, active));
  }
  return head(b, hp, b.scale(sum, 1 / static_cast<float>(hp.n_stream)));
}

}  // namespace

const Arch arch_gemma3n{"gemma3n", read, build};

}  // namespace lupo
