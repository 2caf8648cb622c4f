// seed_oss: Seed-OSS 36B. As qwen2; the norm before the feed-forward part has the name post_attention_norm.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    return sequential_block(b, hp, x, layer, hp.rope, {.neox = true}, gated(Activation::silu),
                            {.before_ffn = "post_attention_norm"});
  });
}

}  // namespace

const Arch arch_seed_oss{"seed_oss", nullptr, build};

}  // namespace lupo
