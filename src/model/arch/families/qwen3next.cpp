// qwen3next: Qwen 3 Next 80B-A3B, Qwen 3 Coder Next. As qwen35moe, but successive value heads share a key head.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_experts(reader, hp, Gating::softmax, true));
  return read_delta_layers(reader, hp);
}

Value build(Builder& b, const Hparams& hp) { return delta_decoder(b, hp, experts(gated(Activation::silu)), false); }

}  // namespace

const Arch arch_qwen3next{"qwen3next", read, build};

}  // namespace lupo
