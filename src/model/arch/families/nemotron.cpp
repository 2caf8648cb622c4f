// nemotron: Nemotron-4, Minitron. Layer norm (weights stored with the 1 added), squared ReLU without a gate, half of each head
// turns.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, plain(Activation::relu_squared)); }

}  // namespace

const Arch arch_nemotron{"nemotron", nullptr, build, {.layer_norm = true}};

}  // namespace lupo
