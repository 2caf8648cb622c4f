// command-r: Command R, Command R+ and Aya. Layer norm without bias, attention and feed-forward in parallel from one norm, logits
// scaled; Command R+ normalises each head of queries and keys with weights of its own.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.logit_scale, reader.number_or("logit_scale", 1, 1e-6, 1e6));
  hp.parallel = true;
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  const QkNorm qk_norm = b.has("blk.0.attn_q_norm.weight") ? QkNorm::own_head : QkNorm::none;
  return plain_decoder(b, hp, {.qk_norm = qk_norm}, gated(Activation::silu));
}

}  // namespace

const Arch arch_command_r{"command-r", read, build, {.layer_norm = true}};

}  // namespace lupo
