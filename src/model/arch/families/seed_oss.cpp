// seed_oss: Seed-OSS 36B. As qwen2; the norm before the feed-forward part has the name post_attention_norm.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    x = b.add(x, attention(b, hp, block_norm(b, hp, x, "attn_norm"), layer, hp.rope, {.neox = true}));
    return b.add(x, gated(Activation::silu)(b, hp, block_norm(b, hp, x, "post_attention_norm"), layer));
  });
}

}  // namespace

const Arch arch_seed_oss{"seed_oss", nullptr, build};

}  // namespace lupo
