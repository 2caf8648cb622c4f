// deepseek: DeepSeek MoE 16B (version 1). As llama, with experts and shared experts from the second layer on.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, false); }

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_deepseek{"deepseek", read, build};

}  // namespace lupo
