// llama: Llama 1-3, Mistral 7B, SmolLM, TinyLlama and most merges. RMS norm, rotary pairs (2i, 2i+1), SwiGLU, grouped queries.
// Mixtral: with experts.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, true); }

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_llama{"llama", read, build};

}  // namespace lupo
