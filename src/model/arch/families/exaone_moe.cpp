// exaone-moe: K-EXAONE. Windows in three of four layers, which alone turn; norm of each query and key head; sigmoid router with a
// selection bias, a shared expert, leading dense layers.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 128, 4));
  TRY(read_experts(reader, hp, Gating::sigmoid, false));
  if (!reader.has("expert_shared_feed_forward_length")) hp.n_ff_shared = hp.n_ff_expert;  // however many the file counts
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  const Ffn ffn = experts(gated(Activation::silu));
  const Value factors = rope_factors(b, hp);
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const int64_t window = hp.window_of(layer);
    const AttentionStyle style{.neox = true, .rope = window > 0, .qk_norm = QkNorm::head, .window = window, .factors = factors};
    return sequential_block(b, hp, x, layer, hp.rope, style, ffn);
  });
}

}  // namespace

const Arch arch_exaone_moe{"exaone-moe", read, build};

}  // namespace lupo
