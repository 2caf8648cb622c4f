// phi2: Phi-1.5 and Phi-2. Layer norm with biases, attention and feed-forward in parallel from one norm, GELU, part of each head
// turns.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader&, Hparams& hp) {
  hp.parallel = true;
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, plain(Activation::gelu)); }

}  // namespace

const Arch arch_phi2{"phi2", read, build, {.layer_norm = true}};

}  // namespace lupo
