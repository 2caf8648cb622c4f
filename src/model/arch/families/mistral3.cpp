// mistral3: Ministral 3, Mistral Small 3.1 and later, Devstral 2, Mistral Large 3 without experts. As llama, with YaRN and, in
// some, queries that grow with their position.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_temperature(reader, hp));
  TRY_ASSIGN(const float all, reader.number_or("rope.scaling.yarn_log_multiplier", 0, 0, 100));
  hp.rope.attn_factor /= yarn_magnitude(hp.rope, all);
  return read_experts(reader, hp, Gating::softmax, true);
}

Value build(Builder& b, const Hparams& hp) {
  return plain_decoder(b, hp, {.has_temperature = true}, experts(gated(Activation::silu)));
}

}  // namespace

const Arch arch_mistral3{"mistral3", read, build};

}  // namespace lupo
