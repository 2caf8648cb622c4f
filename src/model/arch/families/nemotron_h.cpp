// nemotron_h: Nemotron-H 4B-56B, Nemotron Nano 2. A layer is one part: Mamba 2, attention without position embedding, or a
// feed-forward with squared ReLU. Source: arXiv 2504.03624.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) { return read_one_part_layers(reader, hp); }

Value build(Builder& b, const Hparams& hp) { return one_part_decoder(b, hp, plain(Activation::relu_squared)); }

}  // namespace

const Arch arch_nemotron_h{"nemotron_h", read, build, {.hybrid = true}};

}  // namespace lupo
