// Multi-head latent attention: keys and values of all heads are made of one compressed row a token, beside one rotated key that
// the heads share. Source: DeepSeek-V2, arXiv 2405.04434.
//
// Absorbed, the cache holds that row and the rotated key alone: attn_k_b takes the queries to it and attn_v_b takes the result
// back, so that attention has one KV head of kv_rank + n_rot values. Not absorbed (files with attn_kv_b), keys and values of all
// heads are made and cached.
#pragma once

#include "model/arch/arch.h"

namespace lupo {

struct LatentStyle {
  bool neox = false;  // as in AttentionStyle
  Value factors = kNone;
};

// The keys attention.q_lora_rank, kv_lora_rank, key_length_mla and value_length_mla into hp.latent.
Result<void> read_latent(const HparamReader& reader, Hparams& hp);

// The attention part of the present block, without norm and residual, of `h` [C, T].
Value latent_attention(Builder& b, const Hparams& hp, Value h, int64_t layer, const LatentStyle& style);

// deepseek2, whose graph mistral4 has too.
Result<void> read_deepseek2(const HparamReader& reader, Hparams& hp);
Value build_deepseek2(Builder& b, const Hparams& hp);

}  // namespace lupo
