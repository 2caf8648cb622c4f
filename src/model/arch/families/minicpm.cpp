// minicpm: MiniCPM 1B and 2B. As granite; files without the multipliers have those of the paper (depth 1.4, embedding 12, C/256).
// Source: MiniCPM, arXiv 2404.06395.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  const float n_layer = static_cast<float>(hp.n_layer), n_embd = static_cast<float>(hp.n_embd);
  TRY_ASSIGN(const float logit_divisor, reader.number_or("logit_scale", 256 / n_embd, 1e-6, 1e6));
  hp.logit_scale = 1 / logit_divisor;
  TRY_ASSIGN(hp.residual_scale, reader.number_or("residual_scale", 1.4f / std::sqrt(n_layer), 1e-6, 1e6));
  TRY_ASSIGN(hp.embed_scale, reader.number_or("embedding_scale", 12, 1e-6, 1e6));
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_minicpm{"minicpm", read, build};

}  // namespace lupo
