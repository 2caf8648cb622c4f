// dots1: dots.llm1. Norm of each query and key head; sigmoid router with a selection bias, shared experts, leading dense layers.
// Source: dots.llm1, arXiv 2506.05767.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::sigmoid, false); }

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_dots1{"dots1", read, build};

}  // namespace lupo
