// starcoder2: StarCoder 2, 3B to 15B. Layer norm and biases everywhere, GELU without a gate.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, plain(Activation::gelu)); }

}  // namespace

const Arch arch_starcoder2{"starcoder2", nullptr, build, {.layer_norm = true}};

}  // namespace lupo
