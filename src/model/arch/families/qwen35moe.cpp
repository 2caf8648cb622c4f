// qwen35moe: Qwen 3.5 and 3.6, 35B-A3B to 397B-A17B. As qwen35, with experts and a gated shared expert.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_experts(reader, hp, Gating::softmax, true));
  return read_delta_layers(reader, hp);
}

Value build(Builder& b, const Hparams& hp) { return delta_decoder(b, hp, experts(gated(Activation::silu)), true); }

}  // namespace

const Arch arch_qwen35moe{"qwen35moe", read, build};

}  // namespace lupo
