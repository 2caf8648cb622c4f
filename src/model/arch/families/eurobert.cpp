// eurobert: EuroBERT. The blocks of llama with every token seeing both ways (Boizard et al. 2025, arXiv 2503.05500).
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_eurobert{"eurobert", read_encoder, build};

}  // namespace lupo
