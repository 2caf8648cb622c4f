// minicpm: MiniCPM 1B and 2B. As granite; files without the multipliers have those of the paper (depth 1.4, embedding 12, C/256).
// Source: MiniCPM, arXiv 2404.06395.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  hp.logit_scale = static_cast<float>(hp.n_embd) / 256;
  hp.residual_scale = 1.4f / std::sqrt(static_cast<float>(hp.n_layer));
  hp.embed_scale = 12;
  return read_multipliers(reader, hp);
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_minicpm{"minicpm", read, build};

}  // namespace lupo
