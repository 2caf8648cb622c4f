// neo-bert: NeoBERT. RMS norm before each part, rotary pairs (2i, 2i+1), SwiGLU in one weight (Le Breton et al. 2025, arXiv
// 2502.19587).
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return encoder(
      b, hp, [&](Value x, int64_t layer) { return sequential_block(b, hp, x, layer, hp.rope, {}, gated(Activation::silu)); },
      "enc.output_norm");
}

}  // namespace

const Arch arch_neo_bert{"neo-bert", read_encoder, build};

}  // namespace lupo
