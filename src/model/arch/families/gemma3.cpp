// gemma3: Gemma 3 text models, 270M-27B. Five sliding-window layers to one full, each kind with its own rope; norms before and
// after each part; GELU; embedding scaled by sqrt(C). Norm weights are stored with the 1 already added.
// Source: Gemma 3 technical report, arXiv 2503.19786.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

constexpr int64_t kLayersOf27B = 62;  // that size alone scales queries by C/H instead of D, and no key says so

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.window, reader.integer_or("attention.sliding_window", 0, 0, int64_t{1} << 31));
  TRY_ASSIGN(hp.logit_softcap, reader.number_or("final_logit_softcapping", 0, 0, 1e4));
  TRY_ASSIGN(hp.window_pattern, reader.integer_or("attention.sliding_window_pattern", 6, 1, 1024));  // every sixth layer is full
  TRY_ASSIGN(hp.freq_base_window, reader.number_or("rope.freq_base_swa", 10000, 1, 1e12));
  if (hp.n_layer == kLayersOf27B)
    hp.attention_scale = 1 / std::sqrt(static_cast<float>(hp.n_embd) / static_cast<float>(hp.n_head.front()));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  RopeParams local = hp.rope;  // sliding layers are never stretched
  local.freq_base = hp.freq_base_window;
  local.freq_scale = 1;
  local.ext_factor = 0;
  return decoder(b, hp, std::sqrt(static_cast<float>(hp.n_embd)), [&](Value x, int64_t layer) {
    const bool is_local = hp.window > 0 && layer % hp.window_pattern < hp.window_pattern - 1;
    Value h = b.norm(x, b.block("attn_norm"), hp.n_embd, hp.norm_eps);
    h = attention(b, hp, h, layer, is_local ? local : hp.rope,
                  {.neox = true, .head_norms = true, .window = is_local ? hp.window : 0});
    x = b.add(x, b.norm(h, b.block("post_attention_norm"), hp.n_embd, hp.norm_eps));
    h = gated_ffn(b, hp, b.norm(x, b.block("ffn_norm"), hp.n_embd, hp.norm_eps), layer, Activation::gelu);
    return b.add(x, b.norm(h, b.block("post_ffw_norm"), hp.n_embd, hp.norm_eps));
  });
}

}  // namespace

const Arch arch_gemma3{"gemma3", read, build};

}  // namespace lupo
