// qwen2vl: text part of Qwen 2 VL and 2.5 VL. As qwen2: the rope positions of the sections of a head are the same for text.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::silu)); }

}  // namespace

const Arch arch_qwen2vl{"qwen2vl", nullptr, build};

}  // namespace lupo
