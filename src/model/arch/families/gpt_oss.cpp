// gpt-oss: 20B-A3.6B and 120B-A5.1B. Every other layer sees a window; attention sinks; experts in MXFP4 with biases, clamped
// SwiGLU and weights that are a softmax over the chosen alone. Source: gpt-oss model card, arXiv 2508.10925.
#include "model/arch/arch.h"

namespace lupo {
namespace {

constexpr float kLimit = 7;  // of the clamped SwiGLU: no key says so

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 128, 2));
  TRY(read_experts(reader, hp, Gating::softmax_used, false));
  hp.moe.limit = kLimit;
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  const Ffn ffn = experts(gated(Activation::silu));
  return decoder(b, hp, [&](Value x, int64_t layer) {
    return sequential_block(b, hp, x, layer, hp.rope, {.neox = true, .window = hp.window_of(layer), .sinks = true}, ffn,
                            {.before_ffn = "post_attention_norm"});
  });
}

}  // namespace

const Arch arch_gpt_oss{"gpt-oss", read, build};

}  // namespace lupo
