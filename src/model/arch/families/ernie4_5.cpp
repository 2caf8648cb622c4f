// ernie4_5: dense ERNIE 4.5. As llama.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_ernie4_5{"ernie4_5", nullptr, build};

}  // namespace lupo
