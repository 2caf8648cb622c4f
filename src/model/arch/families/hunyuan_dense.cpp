// hunyuan-dense: Hunyuan dense 0.5B to 7B. As qwen3, but heads are normalised after they have turned.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

// NTK-aware scaling: base · alpha^(D / (D − 2)).
Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(const float alpha, reader.number_or("rope.scaling.alpha", 0, 0, 1e6));
  const float dim = static_cast<float>(hp.head_dim);
  if (alpha > 0 && dim > 2) hp.rope.freq_base *= std::pow(alpha, dim / (dim - 2));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head, .norm_after_rope = true}, gated(Activation::silu));
}

}  // namespace

const Arch arch_hunyuan_dense{"hunyuan-dense", read, build};

}  // namespace lupo
