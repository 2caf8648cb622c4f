// qwen3vl: text part of Qwen 3 VL. As qwen3: the rope positions of the sections of a head are the same for text.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, gated(Activation::silu));
}

}  // namespace

const Arch arch_qwen3vl{"qwen3vl", nullptr, build};

}  // namespace lupo
