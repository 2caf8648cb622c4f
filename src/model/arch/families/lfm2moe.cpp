// lfm2moe: LFM2 8B-A1B, 24B-A2B. As lfm2, with experts after the first layers; sigmoid scores and a bias that chooses.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_experts(reader, hp, Gating::sigmoid, true));
  return read_short_conv(reader, hp);
}

Value build(Builder& b, const Hparams& hp) { return short_conv_decoder(b, hp, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_lfm2moe{"lfm2moe", read, build, {.hybrid = true}};

}  // namespace lupo
