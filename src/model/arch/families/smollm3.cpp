// smollm3: SmolLM3. As llama, but every fourth layer has no position embedding.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  const Value factors = rope_factors(b, hp);
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const bool rope = (layer + 1) % 4 != 0;
    return sequential_block(b, hp, x, layer, hp.rope, {.rope = rope, .factors = factors}, gated(Activation::silu));
  });
}

}  // namespace

const Arch arch_smollm3{"smollm3", nullptr, build};

}  // namespace lupo
