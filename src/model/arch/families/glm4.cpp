// glm4: GLM-4 0414, 9B and 32B. Norms before and after each part, gate and up fused, half of each head turns.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    Value h = attention(b, hp, block_norm(b, hp, x, "attn_norm"), layer, hp.rope, {});
    x = b.add(x, block_norm(b, hp, h, "post_attention_norm"));
    h = gated(Activation::silu)(b, hp, block_norm(b, hp, x, "ffn_norm"), layer);
    return b.add(x, block_norm(b, hp, h, "post_ffw_norm"));
  });
}

}  // namespace

const Arch arch_glm4{"glm4", nullptr, build};

}  // namespace lupo
