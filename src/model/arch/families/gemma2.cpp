// gemma2: Gemma 2, 2B to 27B. Every other layer sees a sliding window; scores and logits are capped; norms before and after each
// part. Norm weights are stored with the 1 already added. Source: Gemma 2 technical report, arXiv 2408.00118.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

constexpr int64_t kLayersOf27B = 46;  // that size alone scales queries by C/H instead of D, and no key says so

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 4096, 2));
  TRY_ASSIGN(hp.attention_softcap, reader.number_or("attn_logit_softcapping", 50, 0, 1e4));
  TRY_ASSIGN(hp.logit_softcap, reader.number_or("final_logit_softcapping", 30, 0, 1e4));
  hp.embed_scale = std::sqrt(static_cast<float>(hp.n_embd));
  if (hp.n_layer == kLayersOf27B)
    hp.attention_scale = 1 / std::sqrt(static_cast<float>(hp.n_embd) / static_cast<float>(hp.n_head.front()));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    return sequential_block(b, hp, x, layer, hp.rope, {.neox = true, .window = hp.window_of(layer)}, gated(Activation::gelu),
                            kNormsAround);
  });
}

}  // namespace

const Arch arch_gemma2{"gemma2", read, build};

}  // namespace lupo
