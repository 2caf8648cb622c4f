// qwen2: Qwen 2 and 2.5, Coder, R1-distill-Qwen. As llama, with biases on q, k, v and rotary pairs (i, i + n_rot/2).
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_qwen2{"qwen2", nullptr, build};

}  // namespace lupo
