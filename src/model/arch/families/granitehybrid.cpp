// granitehybrid: Granite 4 H, 350M to 32B-A9B; Bamba. As granite and granitemoe, with Mamba 2 in the layers that have no KV
// heads; attention does not turn unless a key says so.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_multipliers(reader, hp));
  TRY(read_experts(reader, hp, Gating::softmax, true));
  TRY_ASSIGN(hp.rope_is_used, reader.flag_or("rope.scaling.finetuned", true));
  mark_recurrent_by_heads(hp);
  return read_recurrent(reader, hp);
}

Value build(Builder& b, const Hparams& hp) {
  const AttentionStyle style{.rope = hp.rope_is_used, .factors = hp.rope_is_used ? rope_factors(b, hp) : kNone};
  return hybrid_decoder(b, hp, style, experts(gated(Activation::silu)), [&](Value h) { return mamba2(b, hp, h); });
}

}  // namespace

const Arch arch_granitehybrid{"granitehybrid", read, build, {.hybrid = true}};

}  // namespace lupo
