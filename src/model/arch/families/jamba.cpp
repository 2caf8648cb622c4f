// jamba: Jamba 1.5-1.7, Mini to Large; Jamba Reasoning 3B. Mamba with norms of dt, b and c in the layers that have no KV heads,
// attention without position embedding, experts in some layers. Source: arXiv 2403.19887.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_experts(reader, hp, Gating::softmax, false));
  hp.normalise_dt_b_c = true;
  mark_recurrent_by_heads(hp);
  return read_recurrent(reader, hp, true);
}

Value build(Builder& b, const Hparams& hp) {
  const Ffn dense = gated(Activation::silu), mixture = experts(dense);
  const Ffn ffn = [&](Builder& builder, const Hparams& h, Value x, int64_t layer) {
    return (b.has(b.block("ffn_gate_inp.weight")) ? mixture : dense)(builder, h, x, layer);
  };
  return hybrid_decoder(b, hp, {.rope = false}, ffn, [&](Value h) { return mamba(b, hp, h); });
}

}  // namespace

const Arch arch_jamba{"jamba", read, build, {.hybrid = true}};

}  // namespace lupo
