// bailingmoe2: Ling 2 and Ring 2, mini, flash and 1T. Norm of each query and key head; experts in groups, sigmoid router with a
// selection bias, shared experts, leading dense layers.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_experts(reader, hp, Gating::sigmoid, false));
  TRY_ASSIGN(const int64_t n_shared, reader.integer_or("expert_shared_count", 1, 1, 4096));
  if (reader.has("expert_shared_feed_forward_length")) hp.n_ff_shared *= n_shared;  // the key is of one here
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_bailingmoe2{"bailingmoe2", read, build};

}  // namespace lupo
