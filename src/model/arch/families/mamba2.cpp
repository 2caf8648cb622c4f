// mamba2: Mamba 2 130M-2.7B, Codestral Mamba 7B. Source: arXiv 2405.21060.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_recurrent(reader, hp); }

Value build(Builder& b, const Hparams& hp) {
  return decoder(b, hp, [&](Value x, int64_t) { return b.add(x, mamba2(b, hp, block_norm(b, hp, x, "attn_norm"))); });
}

}  // namespace

const Arch arch_mamba2{"mamba2", read, build, {.hybrid = true}};

}  // namespace lupo
