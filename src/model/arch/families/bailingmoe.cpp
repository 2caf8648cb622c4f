// bailingmoe: Ling 1 lite and plus. As llama, with experts and shared ones in each layer.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  if (!reader.has("attention.key_length")) hp.head_dim = hp.head_dim_v = hp.rope.n_rot;  // whole heads turn
  return read_experts(reader, hp, Gating::softmax, false);
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_bailingmoe{"bailingmoe", read, build};

}  // namespace lupo
