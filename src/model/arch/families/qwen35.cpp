// qwen35: Qwen 3.5 and 3.6, dense. Three of four layers are a gated delta net, the fourth has gated attention. The rope sections
// are those of images: for text all turn by one position. Source: Gated DeltaNet, arXiv 2412.06464; Qwen 3.5's model card.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return delta_decoder(b, hp, gated(Activation::silu), true); }

}  // namespace

const Arch arch_qwen35{"qwen35", read_delta_layers, build};

}  // namespace lupo
