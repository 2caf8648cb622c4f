// olmo2: OLMo 2, and OLMo 3 with its sliding windows. Norms only after each part; queries and keys are normalised over all heads
// as one. Layers with a window are not stretched by rope scaling.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 0, 4));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  RopeParams local = hp.rope;
  local.freq_base = hp.freq_base_window;
  local.freq_scale = local.attn_factor = 1;
  local.ext_factor = 0;
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const int64_t window = hp.window_of(layer);
    return sequential_block(b, hp, x, layer, window > 0 ? local : hp.rope,
                            {.neox = true, .qk_norm = QkNorm::whole, .window = window}, gated(Activation::silu), kNormsAfter);
  });
}

}  // namespace

const Arch arch_olmo2{"olmo2", read, build};

}  // namespace lupo
