// falcon: Falcon 7B and 40B. Layer norm, fused query-key-value, attention and feed-forward in parallel; where there are two norms
// (40B) the second is that of the attention.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const Value h = block_norm(b, hp, x, "attn_norm");
    const bool has_two = b.has(b.block("attn_norm_2.weight"));
    const Value mixed = attention(b, hp, has_two ? block_norm(b, hp, x, "attn_norm_2") : h, layer, hp.rope, {.neox = true});
    return b.add(b.add(x, mixed), plain(Activation::gelu)(b, hp, h, layer));
  });
}

}  // namespace

const Arch arch_falcon{"falcon", nullptr, build, {.layer_norm = true}};

}  // namespace lupo
