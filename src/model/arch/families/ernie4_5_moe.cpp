// ernie4_5-moe: ERNIE 4.5 21B-A3B and 300B-A47B. As ernie4_5, with experts in every n-th layer after the leading dense ones,
// chosen with a bias, and shared ones beside them.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, true); }

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_ernie4_5_moe{"ernie4_5-moe", read, build};

}  // namespace lupo
