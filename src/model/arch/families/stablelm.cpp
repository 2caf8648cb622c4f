// stablelm: StableLM 2 and 3B. Layer norm, a quarter of each head turns; files without a second norm run both parts in parallel.
// The 12B normalises each head of queries and keys with weights of its own.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  Hparams parallel = hp;
  parallel.parallel = !b.has("blk.0.ffn_norm.weight");
  const QkNorm qk_norm = b.has("blk.0.attn_q_norm.weight") ? QkNorm::own_head : QkNorm::none;
  return plain_decoder(b, parallel, {.neox = true, .qk_norm = qk_norm}, gated(Activation::silu));
}

}  // namespace

const Arch arch_stablelm{"stablelm", nullptr, build, {.layer_norm = true}};

}  // namespace lupo
