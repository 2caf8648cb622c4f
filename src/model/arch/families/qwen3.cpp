// qwen3: dense Qwen 3. As qwen2 without biases, with an RMS norm on each query and key head.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, gated(Activation::silu));
}

}  // namespace

const Arch arch_qwen3{"qwen3", nullptr, build};

}  // namespace lupo
