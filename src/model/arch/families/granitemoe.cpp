// granitemoe: Granite 3 MoE. As granite, with experts, and a shared one in some.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_multipliers(reader, hp));
  return read_experts(reader, hp, Gating::softmax, true);
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_granitemoe{"granitemoe", read, build};

}  // namespace lupo
