// nomic-bert: nomic-embed-text v1 and v1.5. As bert with rotary positions and SwiGLU (Nussbaum et al. 2024, arXiv 2402.01613).
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return bert(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_nomic_bert{"nomic-bert", read_encoder, build, {.layer_norm = true}};

}  // namespace lupo
