// gemma: Gemma 1, 2B and 7B, and CodeGemma. GELU, embedding scaled by sqrt(C). Norm weights are stored with the 1 already added.
// Source: Gemma technical report, arXiv 2403.08295.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader&, Hparams& hp) {
  hp.embed_scale = std::sqrt(static_cast<float>(hp.n_embd));
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, gated(Activation::gelu)); }

}  // namespace

const Arch arch_gemma{"gemma", read, build};

}  // namespace lupo
