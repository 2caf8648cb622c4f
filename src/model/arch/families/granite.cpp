// granite: Granite 3 and 4 dense models. As llama, with four multipliers: of embedding, scores, residual parts and logits (its
// inverse).
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_multipliers(reader, hp); }

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_granite{"granite", read, build};

}  // namespace lupo
