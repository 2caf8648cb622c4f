// glm4moe: GLM-4.5, 4.6, 4.7 and Air. As glm4 without the norms after each part; sigmoid router with a selection bias, a shared
// expert, leading dense layers; the large ones normalise each query and key head. Source: GLM-4.5, arXiv 2508.06471.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::sigmoid, false); }

Value build(Builder& b, const Hparams& hp) {
  const Ffn ffn = experts(gated(Activation::silu));
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const QkNorm qk_norm = b.has(b.block("attn_q_norm.weight")) ? QkNorm::head : QkNorm::none;
    return sequential_block(b, hp, x, layer, hp.rope, {.neox = true, .qk_norm = qk_norm}, ffn,
                            {.before_ffn = "post_attention_norm"});
  });
}

}  // namespace

const Arch arch_glm4moe{"glm4moe", read, build};

}  // namespace lupo
