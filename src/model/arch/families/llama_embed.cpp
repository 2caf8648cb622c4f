// llama-embed: llama-embed-nemotron and kin. Llama with every token seeing both ways.
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_llama_embed{"llama-embed", read_encoder, build};

}  // namespace lupo
