// minicpm3: MiniCPM 3 4B. As minicpm with its multipliers, and multi-head latent attention that is not absorbed; long and short
// rope factors.
#include <cmath>

#include "model/arch/latent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  hp.logit_scale = 256 / static_cast<float>(hp.n_embd);
  hp.residual_scale = 1.4f / std::sqrt(static_cast<float>(hp.n_layer));
  hp.embed_scale = 12;
  return read_latent(reader, hp);
}

Value build(Builder& b, const Hparams& hp) {
  const Value factors = rope_factors(b, hp);
  const Ffn ffn = gated(Activation::silu);
  const auto part = [&](Value x, Value result) { return b.add(x, b.scale(result, hp.residual_scale)); };
  return decoder(b, hp, [&](Value x, int64_t layer) {
    x = part(x, latent_attention(b, hp, block_norm(b, hp, x, "attn_norm"), layer, {.neox = true, .factors = factors}));
    return part(x, ffn(b, hp, block_norm(b, hp, x, "ffn_norm"), layer));
  });
}

}  // namespace

const Arch arch_minicpm3{"minicpm3", read, build};

}  // namespace lupo
