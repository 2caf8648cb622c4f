// qwen3moe: Qwen 3 30B-A3B, 235B-A22B, Coder. As qwen3, with experts whose weights sum to 1.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, true); }

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_qwen3moe{"qwen3moe", read, build};

}  // namespace lupo
