// olmoe: OLMoE 1B-7B. Experts; queries and keys are normalised over all heads as one.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, false); }

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::whole}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_olmoe{"olmoe", read, build};

}  // namespace lupo
