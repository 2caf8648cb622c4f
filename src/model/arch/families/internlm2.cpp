// internlm2: InternLM 2 and 2.5. As llama.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_internlm2{"internlm2", nullptr, build};

}  // namespace lupo
