// command-r: Command R and Aya. Layer norm without bias, attention and feed-forward in parallel from one norm, logits scaled.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.logit_scale, reader.number_or("logit_scale", 1, 1e-6, 1e6));
  hp.parallel = true;
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_command_r{"command-r", read, build};

}  // namespace lupo
