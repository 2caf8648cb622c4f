// qwen2: Qwen 2 and 2.5, Coder, R1-distill-Qwen. As llama, with biases on q, k, v and rotary pairs (i, i + n_rot/2).
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  const Value factors = rope_factors(b, hp);
  return decoder(b, hp, 1, [&](Value x, int64_t layer) {
    const Value h = b.norm(x, b.block("attn_norm"), hp.n_embd, hp.norm_eps);
    x = b.add(x, attention(b, hp, h, layer, hp.rope, {.neox = true, .factors = factors}));
    return b.add(x, gated_ffn(b, hp, b.norm(x, b.block("ffn_norm"), hp.n_embd, hp.norm_eps), layer, Activation::silu));
  });
}

}  // namespace

const Arch arch_qwen2{"qwen2", nullptr, build};

}  // namespace lupo
