// exaone: EXAONE 3.x. As llama with rotary pairs (i, i + n_rot/2).
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_exaone{"exaone", nullptr, build};

}  // namespace lupo
