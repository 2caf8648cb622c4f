// phimoe: Phi-3.5 MoE. As phi3, with experts, norms with biases, long and short rope factors.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, true); }

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_phimoe{"phimoe", read, build};

}  // namespace lupo
