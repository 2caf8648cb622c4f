// mamba: Mamba 130M-2.8B, Falcon Mamba 7B, which normalises dt, b and c. Source: arXiv 2312.00752, arXiv 2410.05355.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.normalise_dt_b_c, reader.flag_or("ssm.dt_b_c_rms", false));
  return read_recurrent(reader, hp, true);
}

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t) { return b.add(x, mamba(b, hp, block_norm(b, hp, x, "attn_norm"))); });
}

}  // namespace

const Arch arch_mamba{"mamba", read, build, {.hybrid = true}};

}  // namespace lupo
