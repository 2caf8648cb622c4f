// olmo: OLMo 1B and 7B. Layer norms without weights; queries, keys and values are clamped in some. Source: OLMo, arXiv
// 2402.00838.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.clamp_qkv, reader.number_or("attention.clamp_kqv", 0, 0, 1e6));
  hp.norm_has_weight = false;
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_olmo{"olmo", read, build, {.layer_norm = true}};

}  // namespace lupo
