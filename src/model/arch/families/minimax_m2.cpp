// minimax-m2: MiniMax M2, M2.1. Queries and keys are normalised over all heads as one and turn in part; sigmoid router with a
// selection bias.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::sigmoid, true); }

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::whole}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_minimax_m2{"minimax-m2", read, build};

}  // namespace lupo
