// qwen3vlmoe: text part of Qwen 3 VL 30B-A3B and 235B-A22B. As qwen3moe: the rope positions of the sections of a head are the
// same for text.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, true); }

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_qwen3vlmoe{"qwen3vlmoe", read, build};

}  // namespace lupo
