// orion: Orion 14B. As llama with layer norm and biases, rotary pairs (i, i + n_rot/2).
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_orion{"orion", nullptr, build, {.layer_norm = true}};

}  // namespace lupo
