// gptneox: GPT-NeoX 20B, Pythia, RedPajama. Layer norm and biases, fused query-key-value, part of each head turns; a key tells
// whether attention and feed-forward run in parallel, each from a norm of its own.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(hp.parallel, reader.flag_or("use_parallel_residual", true));
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, plain(Activation::gelu)); }

}  // namespace

const Arch arch_gptneox{"gptneox", read, build, {.layer_norm = true}};

}  // namespace lupo
