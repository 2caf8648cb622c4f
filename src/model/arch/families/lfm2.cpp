// lfm2: LFM2 and LFM2.5, 230M-2.6B. Gated short convolutions, and attention in the layers that have KV heads.
// Source: LFM2 technical report, arXiv 2511.23404.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_short_conv(reader, hp); }

Value build(Builder& b, const Hparams& hp) { return short_conv_decoder(b, hp, gated(Activation::silu)); }

}  // namespace

const Arch arch_lfm2{"lfm2", read, build, {.hybrid = true}};

}  // namespace lupo
