// llama4: Llama 4 Scout and Maverick. Three of four layers turn and see their own chunk of the context; the fourth sees all, does
// not turn and has a temperature by position. Queries and keys that turn are then normalised without a weight. Experts (one a
// token, its input weighed by a sigmoid) in every n-th layer, with a shared one. Source: Llama 4 model card and code of Meta.
#include "model/arch/arch.h"

namespace lupo {
namespace {

constexpr int64_t kChunk = 8192, kFullEvery = 4;  // no key of most files says either
constexpr int64_t kExpertsOfMaverick = 128;       // that model alone has no norm of queries and keys, and no key says so

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, kChunk, kFullEvery));
  TRY(read_experts(reader, hp, Gating::sigmoid, false));
  hp.moe.weighs_input = true;
  if (hp.n_ff_shared == 0) hp.n_ff_shared = hp.n_ff_expert;
  hp.temperature = {.beta = 0.1f, .n_ctx_orig = kChunk, .offset = 1};
  return read_temperature(reader, hp);
}

Value build(Builder& b, const Hparams& hp) {
  const Ffn ffn = experts(gated(Activation::silu));
  const Value factors = rope_factors(b, hp);
  const QkNorm qk_norm = hp.moe.n_expert == kExpertsOfMaverick ? QkNorm::none : QkNorm::plain_head;
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const bool turns = hp.is_local.empty() || (layer + 1) % kFullEvery != 0;
    AttentionStyle style{.rope = turns, .window = hp.window_of(layer), .is_chunked = true, .factors = factors};
    if (turns) style.qk_norm = qk_norm, style.norm_after_rope = true;
    style.has_temperature = !turns;
    return sequential_block(b, hp, x, layer, hp.rope, style, ffn);
  });
}

}  // namespace

const Arch arch_llama4{"llama4", read, build};

}  // namespace lupo
