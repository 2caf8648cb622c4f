// stablelm: StableLM 2 and 3B. Layer norm, a quarter of each head turns; files without a second norm run both parts in parallel.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  Hparams parallel = hp;
  parallel.parallel = !b.has("blk.0.ffn_norm.weight");
  return plain_decoder(b, parallel, {.neox = true}, gated(Activation::silu));
}

}  // namespace

const Arch arch_stablelm{"stablelm", nullptr, build};

}  // namespace lupo
