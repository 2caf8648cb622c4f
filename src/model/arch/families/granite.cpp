// granite: Granite 3 and 4 dense models. As llama, with four multipliers: of embedding, scores, residual parts and logits (its
// inverse).
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(const float logit_divisor, reader.number("logit_scale", 1e-6, 1e6));
  hp.logit_scale = 1 / logit_divisor;
  TRY_ASSIGN(hp.residual_scale, reader.number_or("residual_scale", 1, 1e-6, 1e6));
  TRY_ASSIGN(hp.embed_scale, reader.number_or("embedding_scale", 1, 1e-6, 1e6));
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_granite{"granite", read, build};

}  // namespace lupo
