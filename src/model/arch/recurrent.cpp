#include "model/arch/recurrent.h"

#include <cmath>

namespace lupo {
namespace {

// The next of the parts that lie side by side in a row of `x`.
Value part(Builder& b, Value x, int64_t& offset, int64_t size) {
  const Value value = b.slice(x, 1, offset, size);
  offset += size;
  return value;
}

// RMS norm of one vector, times the weight if the file has it.
Value norm_if(Builder& b, Value x, const std::string& name, int64_t width, float eps) {
  return b.has(name + ".weight") ? b.norm(x, name, width, eps) : b.norm(x, width, eps);
}

bool is_recurrent(const Hparams& hp, int64_t layer) { return hp.is_recurrent[static_cast<size_t>(layer)] != 0; }

}  // namespace

void mark_recurrent_by_heads(Hparams& hp) {
  for (int64_t n_kv_head : hp.n_kv_head) hp.is_recurrent.push_back(n_kv_head == 0);
}

Value short_conv(Builder& b, const Hparams& hp, Value h) {
  const Value all = b.linear(h, b.block("shortconv.in_proj"), 3 * hp.n_embd);  // [3 C, T]: b, c, x
  int64_t offset = 0;
  const Value gate_in = part(b, all, offset, hp.n_embd), gate_out = part(b, all, offset, hp.n_embd),
              x = part(b, all, offset, hp.n_embd);
  const Value mixed = b.conv(b.mul(gate_in, x), b.block("shortconv.conv"), hp.recurrent.conv_width);
  return b.linear(b.mul(gate_out, mixed), b.block("shortconv.out_proj"), hp.n_embd);
}

Value mamba(Builder& b, const Hparams& hp, Value h) {
  const auto& [conv_width, inner, n_state, dt_rank, n_group] = hp.recurrent;
  const Value xz = b.linear(h, b.block("ssm_in"), 2 * inner);
  const Value z = b.slice(xz, 1, inner, inner);
  const Value x = b.activate(b.conv(b.slice(xz, 1, 0, inner), b.block("ssm_conv1d"), conv_width), Activation::silu);
  const Value all = b.linear(x, b.block("ssm_x"), dt_rank + 2 * n_state);
  int64_t offset = 0;
  Value dt = part(b, all, offset, dt_rank), in = part(b, all, offset, n_state), out = part(b, all, offset, n_state);
  if (hp.normalise_dt_b_c) {
    dt = norm_if(b, dt, b.block("ssm_dt_norm"), dt_rank, hp.norm_eps);
    in = norm_if(b, in, b.block("ssm_b_norm"), n_state, hp.norm_eps);
    out = norm_if(b, out, b.block("ssm_c_norm"), n_state, hp.norm_eps);
  }
  dt = b.activate(b.linear(dt, b.block("ssm_dt"), inner), Activation::softplus);  // [inner, T]
  const Value a = b.matrix(b.block("ssm_a"), n_state, inner), d = b.vector(b.block("ssm_d"), inner);
  const Value y = b.scan(x, dt, a, in, out, d, n_state, {.n_head = inner, .head_dim = 1});
  return b.linear(b.glu(z, y, Activation::silu), b.block("ssm_out"), hp.n_embd);
}

Value mamba2(Builder& b, const Hparams& hp, Value h) {
  const auto& [conv_width, inner, n_state, n_head, n_group] = hp.recurrent;
  const int64_t n_bc = n_group * n_state;
  const Value all = b.linear(h, b.block("ssm_in"), 2 * inner + 2 * n_bc + n_head);
  int64_t offset = 0;
  const Value z = part(b, all, offset, inner), xbc = part(b, all, offset, inner + 2 * n_bc), dt = part(b, all, offset, n_head);
  const Value mixed = b.activate(b.conv(xbc, b.block("ssm_conv1d"), conv_width), Activation::silu);
  offset = 0;
  const Value x = part(b, mixed, offset, inner), in = part(b, mixed, offset, n_bc), out = part(b, mixed, offset, n_bc);
  const Value step = b.activate(b.add(dt, b.vector(b.block("ssm_dt.bias"), n_head)), Activation::softplus);
  const Value a = b.matrix(b.block("ssm_a"), 1, n_head), d = b.matrix(b.block("ssm_d"), 1, n_head);
  Value y = b.scan(x, step, a, in, out, d, n_state, {.n_head = n_head, .head_dim = inner / n_head, .n_group = n_group});
  y = b.glu(z, y, Activation::silu);
  if (b.has(b.block("ssm_norm.weight")))  // each group is normalised alone and has weights of its own
    y = b.mul(b.norm(y, inner / n_group, hp.norm_eps), b.matrix(b.block("ssm_norm.weight"), inner / n_group, n_group));
  return b.linear(y, b.block("ssm_out"), hp.n_embd);
}

Value gated_delta_net(Builder& b, const Hparams& hp, Value h, bool tiled) {
  const auto& [conv_width, inner, key_dim, n_head, n_key_head] = hp.recurrent;
  const int64_t value_dim = inner / n_head, n_key = key_dim * n_key_head, of_group = n_head / n_key_head;
  Value qkv, z, alpha, beta;              // [2 n_key + inner, T], [inner, T], [n_head, T], [n_head, T]
  if (b.has(b.block("ssm_in.weight"))) {  // early files: q, k, v and z of each key head side by side
    const Value all = b.linear(h, b.block("ssm_in"), 2 * n_key + 2 * inner);
    const auto of_head = [&](int64_t offset, int64_t size) { return b.slice(all, n_key_head, offset, size); };
    const int64_t n_value = of_group * value_dim;
    qkv = b.join(b.join(of_head(0, key_dim), of_head(key_dim, key_dim), 1), of_head(2 * key_dim, n_value), 1);
    z = of_head(2 * key_dim + n_value, n_value);
  } else {
    qkv = b.linear(h, b.block("attn_qkv"), 2 * n_key + inner);
    z = b.linear(h, b.block("attn_gate"), inner);
  }
  if (b.has(b.block("ssm_ba.weight"))) {
    const Value both = b.linear(h, b.block("ssm_ba"), 2 * n_head);
    beta = b.slice(both, n_key_head, 0, of_group);
    alpha = b.slice(both, n_key_head, of_group, of_group);
  } else {
    beta = b.linear(h, b.block("ssm_beta"), n_head);
    alpha = b.linear(h, b.block("ssm_alpha"), n_head);
  }
  const Value mixed = b.activate(b.conv(qkv, b.block("ssm_conv1d"), conv_width), Activation::silu);
  int64_t offset = 0;
  Value q = part(b, mixed, offset, n_key), k = part(b, mixed, offset, n_key);
  const Value v = part(b, mixed, offset, inner);
  // x / √(Σ x² + eps) is an RMS norm; the query is also divided by √Dk.
  const float size = static_cast<float>(key_dim);
  q = b.scale(b.norm(q, key_dim, hp.norm_eps / size), 1 / size);
  k = b.scale(b.norm(k, key_dim, hp.norm_eps / size), 1 / std::sqrt(size));
  const Value step = b.activate(b.add(alpha, b.vector(b.block("ssm_dt.bias"), n_head)), Activation::softplus);
  const Value g = b.mul(step, b.vector(b.block("ssm_a"), n_head));
  const Value y = b.delta(q, k, v, g, b.activate(beta, Activation::sigmoid), key_dim, value_dim,
                          {.n_head = n_head, .n_key_head = n_key_head, .tiled = tiled});
  const Value normed = b.norm(y, b.block("ssm_norm"), value_dim, hp.norm_eps);
  return b.linear(b.glu(z, normed, Activation::silu), b.block("ssm_out"), hp.n_embd);
}

Result<void> read_delta_layers(const HparamReader& reader, Hparams& hp) {
  TRY(read_recurrent(reader, hp));
  if (reader.has("attention.recurrent_layers")) {
    TRY_ASSIGN(hp.is_recurrent, reader.per_layer("attention.recurrent_layers", hp.n_layer, 0, 1));
  } else {
    TRY_ASSIGN(const int64_t interval, reader.integer_or("full_attention_interval", 4, 1, 1 << 20));
    for (int64_t l = 0; l < hp.n_layer; ++l) hp.is_recurrent.push_back((l + 1) % interval != 0);
  }
  return {};
}

Value delta_decoder(Builder& b, const Hparams& hp, const Ffn& ffn, bool tiled) {
  const AttentionStyle style{.neox = true, .qk_norm = QkNorm::head, .gated = true};
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const Mixer mixer = [&](Value h) {
      return is_recurrent(hp, layer) ? gated_delta_net(b, hp, h, tiled) : attention(b, hp, h, layer, hp.rope, style);
    };
    return sequential_block(b, hp, x, layer, mixer, ffn, {.before_ffn = "post_attention_norm"});
  });
}

Result<void> read_short_conv(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.recurrent.conv_width, reader.integer("shortconv.l_cache", 2, kConvWidthMax));
  TRY(read_windows(reader, hp, 0, 1));
  if (hp.window > 0) hp.is_local.assign(static_cast<size_t>(hp.n_layer), 1);
  mark_recurrent_by_heads(hp);
  return {};
}

Value short_conv_decoder(Builder& b, const Hparams& hp, const Ffn& ffn) {
  const auto block = [&](Value x, int64_t layer) {
    const Mixer mixer = [&](Value h) {
      if (is_recurrent(hp, layer)) return short_conv(b, hp, h);
      return attention(b, hp, h, layer, hp.rope, {.neox = true, .qk_norm = QkNorm::head, .window = hp.window_of(layer)});
    };
    return sequential_block(b, hp, x, layer, mixer, ffn);
  };
  return decoder(b, hp, block, "token_embd_norm");  // files call the last norm so
}

Value hybrid_decoder(Builder& b, const Hparams& hp, const AttentionStyle& style, const Ffn& ffn, const Mixer& recurrent) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const Mixer mixer = [&](Value h) {
      return is_recurrent(hp, layer) ? recurrent(h) : attention(b, hp, h, layer, hp.rope, style);
    };
    return sequential_block(b, hp, x, layer, mixer, ffn);
  });
}

Result<void> read_one_part_layers(const HparamReader& reader, Hparams& hp) {
  mark_recurrent_by_heads(hp);
  return read_recurrent(reader, hp);
}

Value one_part_decoder(Builder& b, const Hparams& hp, const Ffn& ffn) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const Value h = block_norm(b, hp, x, "attn_norm");
    if (hp.n_ff[static_cast<size_t>(layer)] > 0) return b.add(x, ffn(b, hp, h, layer));
    return b.add(x, is_recurrent(hp, layer) ? mamba2(b, hp, h) : attention(b, hp, h, layer, hp.rope, {.rope = false}));
  });
}

}  // namespace lupo
