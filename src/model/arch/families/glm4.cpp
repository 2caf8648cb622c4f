// glm4: GLM-4 0414, 9B and 32B. Norms before and after each part, gate and up fused, half of each head turns.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    return sequential_block(b, hp, x, layer, hp.rope, {}, gated(Activation::silu), kNormsAround);
  });
}

}  // namespace

const Arch arch_glm4{"glm4", nullptr, build};

}  // namespace lupo
