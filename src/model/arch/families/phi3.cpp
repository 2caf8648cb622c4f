// phi3: Phi-3, Phi-3.5, Phi-4 (mini). Fused query-key-value and gate-up weights, long and short rope factors, part of a head may
// turn. The sliding window of some files is not used: within it and beyond, the models were published with full attention.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_phi3{"phi3", nullptr, build};

}  // namespace lupo
