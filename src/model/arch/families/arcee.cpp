// arcee: Arcee AFM. As llama with a squared ReLU and no gate.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, plain(Activation::relu_squared)); }

}  // namespace

const Arch arch_arcee{"arcee", nullptr, build};

}  // namespace lupo
