// falcon-h1: Falcon H1 0.5B-34B. Attention and Mamba 2 read the same input and are added together. Source: arXiv 2507.22448.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_recurrent(reader, hp); }

Value build(Builder& b, const Hparams& hp) {
  const Ffn ffn = gated(Activation::silu);
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const Value h = block_norm(b, hp, x, "attn_norm");
    x = b.add(x, b.add(attention(b, hp, h, layer, hp.rope, {.neox = true}), mamba2(b, hp, h)));
    // The name of this norm has no ".weight" in most files.
    const std::string norm = b.block(b.has(b.block("ffn_norm.weight")) ? "ffn_norm.weight" : "ffn_norm");
    return b.add(x, ffn(b, hp, b.mul(b.norm(x, hp.n_embd, hp.norm_eps), b.vector(norm, hp.n_embd)), layer));
  });
}

}  // namespace

const Arch arch_falcon_h1{"falcon-h1", read, build};

}  // namespace lupo
