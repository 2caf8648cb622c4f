// hunyuan-moe: Hunyuan A13B. As hunyuan-dense, with experts and a shared one in each layer.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_experts(reader, hp, Gating::softmax, true); }

Value build(Builder& b, const Hparams& hp) {
  const AttentionStyle style{.neox = true, .qk_norm = QkNorm::head, .norm_after_rope = true};
  return plain_decoder(b, hp, style, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_hunyuan_moe{"hunyuan-moe", read, build};

}  // namespace lupo
