// gpt2: GPT-2 and its kin. Learned positions, layer norm and biases, fused query-key-value, GELU.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.rope = false}, plain(Activation::gelu)); }

}  // namespace

const Arch arch_gpt2{"gpt2", nullptr, build, {.layer_norm = true}};

}  // namespace lupo
