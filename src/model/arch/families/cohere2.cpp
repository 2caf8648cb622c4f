// cohere2: Command R7B and Command A. As command-r; three of four layers see a window and turn, the fourth sees all and does not.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 4096, 4));
  TRY_ASSIGN(hp.logit_scale, reader.number("logit_scale", 1e-6, 1e6));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const int64_t window = hp.window_of(layer);
    const Value h = block_norm(b, hp, x, "attn_norm");
    const Value mixed = attention(b, hp, h, layer, hp.rope, {.rope = window > 0, .window = window});
    return b.add(b.add(x, mixed), gated(Activation::silu)(b, hp, h, layer));
  });
}

}  // namespace

const Arch arch_cohere2{"cohere2", read, build, {.layer_norm = true}};

}  // namespace lupo
