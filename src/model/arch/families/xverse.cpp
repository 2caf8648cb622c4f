// xverse: XVERSE. As llama.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_xverse{"xverse", nullptr, build};

}  // namespace lupo
